"""When a guard begins anew: another agent, another document, and keys that its unit does not hide."""

from itertools import pairwise
from types import SimpleNamespace

from nodeops.disk.guard.guard import _versions


def test_what_makes_a_guard_begin_anew(tmp_path):
    keys, agent, document = tmp_path / "keys", tmp_path / "agent", tmp_path / "node.json"
    policy = SimpleNamespace(hidden=str(keys), agent=str(agent), document=str(document))
    seen = [_versions(policy)]
    agent.mkdir()
    seen.append(_versions(policy))
    document.write_text("{}")
    seen.append(_versions(policy))
    keys.mkdir()
    assert _versions(policy) == seen[-1], "a hidden folder shows nothing"
    (keys / "node_key.json").touch()
    seen.append(_versions(policy))
    assert all(before != after for before, after in pairwise(seen))
    assert _versions(policy) == seen[-1]

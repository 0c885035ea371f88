"""One node's status: observed through real sockets, judged by tables, read back from hostile text."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.digest import sha256
from nodeops.core.errors import HostError
from nodeops.core.finding import Verdict
from nodeops.document.models import NodeDocument
from nodeops.ledger.answers import Peer
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.local import disk_use, file_digest, running_release
from nodeops.ledger.node.observe import observe_status, peer_names
from nodeops.ledger.node.status import LIVE_WINDOW, NodeStatus, findings, live_signers, parse_status
from tests.unit.ledger.ledger_process import running_ledger
from tests.unit.ledger.network_made import NEWEST, address, consortium, document, real, settled, status
from tests.unit.ledger.rpc_server import answering, recorded

FOUR = consortium()
PATIENT = 60.0


@contextmanager
def observed(folder: Path, **changes: Any) -> Iterator[tuple[NodeStatus, NodeDocument]]:
    methods = {**real(), "status": settled(), **changes}
    with answering({name: answer for name, answer in methods.items() if answer}) as url:
        described = document(folder, int(url.rsplit(":", 1)[1]))
        yield observe_status(described, driver_for(described, PATIENT)), described


def test_a_running_node_is_seen_whole(tmp_path: Path) -> None:
    (tmp_path / "genesis.json").write_bytes(b"{}")
    with observed(tmp_path) as (seen, described):
        assert (seen.running, seen.error) == (True, None)
        assert (seen.node, seen.organisation, seen.duty) == ("a", "org", "validator")
        assert seen.height == NEWEST + 1
        assert seen.signed_recent.model_dump() == {"signed": 3, "of": 3}
        assert {share.last_height for share in seen.signers.values()} == {NEWEST}
        assert sum(one.power for one in seen.validators) == 4
        assert [one.height for one in seen.recent] == [NEWEST + 1, NEWEST, NEWEST - 1, NEWEST - 2]
        assert seen.lag_blocks is not None
        assert seen.genesis_digest == sha256(b"{}")
        assert seen.document_digest == described.consortium_digest
        assert {use.path for use in seen.disk} == {str(tmp_path), "/"}
        assert parse_status(seen.model_dump_json().encode(), "here") == seen


def test_a_node_that_does_not_answer_is_a_status_too(tmp_path: Path) -> None:
    with observed(tmp_path, status=None) as (seen, _):
        assert seen.running is False
        assert seen.height is None
        assert "Method not found" in (seen.error or "")
        assert seen.genesis_digest is None
        assert parse_status(seen.model_dump_json().encode(), "here") == seen


@pytest.mark.parametrize("method", ["net_info", "dump_consensus_state", "validators", "commit"])
def test_one_failed_question_leaves_the_rest(tmp_path: Path, method: str) -> None:
    with observed(tmp_path, **{method: None}) as (seen, _):
        assert seen.running is True
        assert method in (seen.error or "")
        unknown = {"net_info": seen.peers, "validators": seen.validators, "commit": seen.signed_recent.of}
        assert not unknown.get(method, seen.lag_blocks)


def test_before_the_first_block(tmp_path: Path) -> None:
    raw = recorded("status")
    raw["sync_info"] |= {"latest_block_height": "0", "latest_block_hash": "", "earliest_block_height": "0"}
    with observed(tmp_path, status=raw) as (seen, _):
        assert (seen.height, seen.block_time, seen.block_age_seconds, seen.recent) == (0, None, None, [])


def peer(letter: str, ip: str, outbound: bool = True) -> Peer:
    return Peer(letter * 40, ip, outbound, "moniker", "0.38.19")


@pytest.mark.parametrize(
    ("peers", "names"),
    [
        ([], []),
        ([peer("1", "10.0.0.2")], ["b"]),
        ([peer("1", "10.9.9.9")], ["1" * 40]),
        ([peer("1", "10.0.0.1")], ["1" * 40]),  # our own address: a peer is never this node
        ([peer("1", "10.0.0.2", False), peer("2", "10.0.0.2")], ["1" * 40, "b"]),
    ],
)
def test_peers_are_named_by_address(tmp_path: Path, peers: list[Peer], names: list[str]) -> None:
    assert sorted(peer_names(peers, document(tmp_path, 1)).values()) == names


@pytest.mark.parametrize(
    ("changes", "silent", "verdicts"),
    [
        ({}, {}, {"running": "pass", "block_age": "pass", "signing": "pass"}),
        ({"error": "net_info"}, {}, {"running": "warn", "block_age": "pass", "signing": "pass"}),
        ({"running": False, "error": "refused"}, {}, {"running": "fail"}),
        ({"block_age_seconds": 30.1}, {}, {"running": "pass", "block_age": "fail", "signing": "pass"}),
        ({"block_age_seconds": None}, {}, {"running": "pass", "block_age": "fail", "signing": "pass"}),
        (
            {"block_age_seconds": 99.0, "catching_up": True},
            {},
            {"running": "pass", "block_age": "warn", "synced": "warn", "signing": "pass"},
        ),
        ({}, {"a": 90}, {"running": "pass", "block_age": "pass", "signing": "warn"}),
        ({"voting_power": 0}, {}, {"running": "pass", "block_age": "pass", "signing": "warn"}),
        ({"voting_power": 0, "duty": "witness"}, {}, {"running": "pass", "block_age": "pass"}),
    ],
)
def test_what_is_judged_of_one_node(changes: dict[str, Any], silent: dict[str, int], verdicts: dict[str, str]) -> None:
    judged = findings(status(FOUR, "a", silent, **changes), block_seconds=1.0)
    assert {finding.id.removeprefix("ledger."): finding.verdict.value for finding in judged} == verdicts


@pytest.mark.parametrize(("block_seconds", "verdict"), [(1.0, Verdict.FAIL), (5.0, Verdict.PASS)])
def test_slow_chains_may_have_older_blocks(block_seconds: float, verdict: Verdict) -> None:
    judged = findings(status(FOUR, "a", block_age_seconds=45.0), block_seconds)
    assert next(one.verdict for one in judged if one.id == "ledger.block_age") is verdict


def test_live_signers_signed_one_of_the_newest_commits() -> None:
    shares = status(FOUR, "a", {"b": 99 - LIVE_WINDOW, "c": 100 - LIVE_WINDOW, "d": 0}).signers
    assert live_signers(shares) == {address("a"), address("c")}
    assert live_signers({}) == frozenset()


HOSTILE: dict[str, dict[str, Any]] = {
    "escapes in a peer": {"peers": ["\x1b[2J"]},
    "escapes in the error": {"error": "\x9b1A"},
    "endless peers": {"peers": ["a"] * 1001},
    "negative height": {"height": -1},
    "text for a number": {"height": "7"},
    "a name that is none": {"node": "-rf"},
    "a huge integer": {"height": 1 << 63},
    "a key that is no address": {"signers": {"\x1b": {"signed": 1, "of": 1, "last_height": 1}}},
    "percent": {"disk": [{"path": "/", "filesystem_used_percent": 101.0, "free_bytes": 1}]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_status_is_refused(name: str) -> None:
    text = json.dumps(status(FOUR, "a").model_dump(mode="json") | HOSTILE[name]).encode()
    with pytest.raises(HostError) as caught:
        parse_status(text, "cu-1")
    assert caught.value.where == "cu-1"
    assert caught.value.what.isprintable()


def test_what_a_verb_adds_to_its_json_does_not_disturb() -> None:
    text = json.dumps(status(FOUR, "a").model_dump(mode="json") | {"changed": False, "findings": [], "changes": []})
    assert parse_status(text.encode(), "a") == status(FOUR, "a")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_text_is_a_status_by_accident(text: bytes) -> None:
    with pytest.raises(HostError):
        parse_status(text, "cu-1")


def test_what_the_host_shows(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert file_digest(str(tmp_path / "file")) == sha256(b"abc")
    assert file_digest(str(tmp_path / "absent")) is None
    assert disk_use([str(tmp_path / "absent")]) == []
    assert len(disk_use([str(tmp_path), str(tmp_path)])) == 1
    assert running_release(str(tmp_path), "cometbft") is None


@pytest.mark.lab
def test_the_release_of_a_real_process_is_its_version_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.ledger import ledger_process

    release = tmp_path / "opt" / "v0.38.21"
    release.mkdir(parents=True)
    program = release / "cometbft"
    program.write_bytes(Path(ledger_process.binary()).read_bytes())
    program.chmod(0o755)
    monkeypatch.setattr(ledger_process, "binary", lambda: str(program))
    with running_ledger(tmp_path / "home") as process:
        process.wait_for_height(1)
        assert running_release(str(tmp_path / "opt"), "cometbft") == "v0.38.21"

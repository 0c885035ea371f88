"""Acknowledgements are parsed when their file changed, and never remembered longer than it says."""

import pytest

from nodeops.disk.ship import acks as acks_module
from nodeops.disk.ship.acks import Acks
from nodeops.disk.ship.rules import Ack, ack_lines

FIRST, SECOND = (Ack(name, "a" * 64, 5, "vault:logs", 1.0) for name in ("one", "two"))


@pytest.fixture
def parsed(monkeypatch):
    """Count how often the file is parsed."""
    calls = []
    real = acks_module.parse_acks
    monkeypatch.setattr(acks_module, "parse_acks", lambda data: calls.append(data) or real(data))
    return calls


def test_an_unchanged_file_is_parsed_once(tmp_path, parsed):
    path = tmp_path / "acks"
    path.write_bytes(ack_lines([FIRST]))
    acks = Acks(path)
    assert [dict(acks.newest()) for _ in range(3)] == [{"one": FIRST}] * 3
    assert len(parsed) == 1


def test_what_is_appended_is_seen(tmp_path, parsed):
    path = tmp_path / "acks"
    path.write_bytes(ack_lines([FIRST]))
    acks = Acks(path)
    acks.newest()
    with path.open("ab") as file:
        file.write(ack_lines([SECOND]))
    assert set(acks.newest()) == {"one", "two"}
    assert len(parsed) == 2


def test_a_file_that_goes_acknowledges_nothing_and_one_that_comes_back_counts(tmp_path):
    path = tmp_path / "acks"
    acks = Acks(path)
    assert acks.newest() == {}
    path.write_bytes(ack_lines([FIRST]))
    assert set(acks.newest()) == {"one"}
    path.unlink()
    assert acks.newest() == {}

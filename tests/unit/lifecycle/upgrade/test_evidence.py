"""What blocks show of a node that went over: only those after its process began count."""

from datetime import UTC, datetime

import pytest

from nodeops.ledger.answers import BlockCommit
from nodeops.lifecycle.upgrade.evidence import Wanted, lost_peers, shown
from nodeops.lifecycle.upgrade.watch import aside_seconds

ALL = frozenset({"A", "B", "C"})
ALONE, OTHERS = frozenset({"A"}), frozenset({"B", "C"})


def commit(second: int, signers: frozenset[str] = ALL, proposer: str = "B", round_: int = 0) -> BlockCommit:
    return BlockCommit(second, "", "", datetime.fromtimestamp(second, UTC), signers, proposer, round_)


BEFORE = [commit(second, proposer="A", round_=1) for second in range(1, 11)]
CASES = {
    "only blocks of the process before": (BEFORE, Wanted(1), ["its vote in 1 blocks (seen in 0 of 0)"]),
    "enough votes": ([commit(11), commit(12)], Wanted(2), []),
    "a vote missed": ([commit(11), commit(12, OTHERS)], Wanted(2), ["its vote in 2 blocks (seen in 1 of 2)"]),
    "no block of its own": ([commit(11)], Wanted(1, proposal=True), ["a block of its own"]),
    "a block of its own": ([commit(11, proposer="A")], Wanted(1, proposal=True), []),
    "no other round": ([commit(11)], Wanted(1, another_round=True), ["its vote in a block that needed another round"]),
    "another round without it": (
        [commit(11), commit(12, OTHERS, round_=1)],
        Wanted(1, another_round=True),
        ["its vote in a block that needed another round"],
    ),
    "another round with it": ([commit(11, round_=2)], Wanted(1, another_round=True), []),
}


@pytest.mark.parametrize(("commits", "wanted", "missing"), CASES.values(), ids=CASES)
def test_what_is_missing(commits: list[BlockCommit], wanted: Wanted, missing: list[str]) -> None:
    assert shown([*commits, *BEFORE], "A", since=10.0).missing(wanted) == missing


PEERS = {
    "all are there": ("abc", "abcd", [], False),
    "one left": ("abc", "ab", ["c"], False),
    "half left": ("abcd", "ab", ["c", "d"], False),
    "most left": ("abc", "a", ["b", "c"], True),
    "it had none": ("", "", [], False),
}


@pytest.mark.parametrize(("before", "now", "gone", "most"), PEERS.values(), ids=PEERS)
def test_peers(before: str, now: str, gone: list[str], most: bool) -> None:
    assert lost_peers(before, now) == (gone, most)


def test_who_steps_aside_is_away_for_longer_than_its_turn_takes_to_come() -> None:
    assert aside_seconds(turns=4.0, block=1.0) > 4 + 3
    assert aside_seconds(turns=7.0, block=2.0) > 14 + 3

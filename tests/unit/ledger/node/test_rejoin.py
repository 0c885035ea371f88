"""What a restart waits for: only a chain that moves can be waited for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Timeout
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.host.units import systemd
from nodeops.ledger.answers import BlockCommit, LedgerStatus
from nodeops.ledger.node import rejoin
from nodeops.ledger.node.wait import left_behind, votes_above
from tests.contract.rules.tree import ROOT

DOCUMENT = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
STATUS = LedgerStatus(
    node_id="0" * 40,
    chain="battery-1",
    version="0.38.19",
    height=7,
    block_hash="",
    app_hash="",
    block_time=None,
    earliest_height=1,
    catching_up=False,
    validator_address="A" * 40,
    voting_power=1,
)

UNIT = systemd.Unit("ledger.service", True, True, "active (running, result success)", True, False, 7, 0)


class Answering:
    """A driver that has one thing to say, of a node that has what its one peer has; `grows`: each time a block more."""

    def __init__(self, says: LedgerStatus | HostError, signers: frozenset[str] = frozenset(), grows: int = 0) -> None:
        self.says, self.signers, self.grows = says, signers, grows

    def status(self) -> LedgerStatus:
        if isinstance(self.says, HostError):
            raise self.says
        said, self.says = self.says, replace(self.says, height=self.says.height + self.grows)
        return said

    def peer_heights(self) -> dict[str, int]:
        assert isinstance(self.says, LedgerStatus)
        return {"peer": self.says.height}

    def commits(self, first: int, last: int) -> list[BlockCommit]:
        return [BlockCommit(height, "", "", datetime.now(UTC), self.signers) for height in range(last, first - 1, -1)]


@pytest.mark.usefixtures("brief_watch")
@pytest.mark.parametrize(
    ("age_seconds", "grows", "catching_up", "height"),
    [
        (0, 0, False, 7),
        (3600, 0, False, None),
        (3600, 1, False, 7),
        (-3600, 1, False, 7),
        (3600, 1, True, None),
        (None, 0, False, None),
    ],
    ids=["moves", "stands still", "this host's clock is ahead", "it is behind", "old blocks are fetched", "no block yet"],
)
def test_only_a_chain_that_moves_has_a_height_to_come_back_to(
    monkeypatch: pytest.MonkeyPatch, age_seconds: float | None, grows: int, catching_up: bool, height: int | None
) -> None:
    at = None if age_seconds is None else datetime.now(UTC) - timedelta(seconds=age_seconds)
    said = Answering(replace(STATUS, block_time=at, catching_up=catching_up), grows=grows)
    monkeypatch.setattr(rejoin, "driver_for", lambda _: said)
    assert rejoin.moving_height(DOCUMENT) == height


def test_a_node_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Answering(HostError("does not answer")))
    assert rejoin.moving_height(DOCUMENT) is None


OWN = frozenset({STATUS.validator_address})


@pytest.mark.parametrize(
    ("power", "signers", "votes"),
    [(1, OWN, True), (1, frozenset({"B" * 40}), False), (0, OWN, False)],
    ids=["votes", "is silent", "may not vote any more"],
)
def test_only_who_voted_must_vote_again(
    monkeypatch: pytest.MonkeyPatch, power: int, signers: frozenset[str], votes: bool
) -> None:
    status = replace(STATUS, block_time=datetime.now(UTC), voting_power=power)
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Answering(status, signers))
    assert rejoin.part_taken(DOCUMENT) == rejoin.Part(7, votes)


@pytest.mark.parametrize(("above", "expected"), [(5, True), (6, False), (7, False)])
def test_a_vote_counts_above_the_height_of_the_stop_only(above: int, expected: bool) -> None:
    """At height 7 the newest commit that is settled is that of block 6."""
    assert votes_above(Answering(STATUS, OWN), STATUS, above) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("pid", "restarts"), [(0, 0), (8, 1)], ids=["is gone", "was started again by systemd"])
def test_a_process_that_left_by_itself_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, pid: int, restarts: int) -> None:
    units = iter([UNIT, replace(UNIT, pid=pid, restarts=restarts)])
    monkeypatch.setattr(systemd, "unit", lambda _: next(units))
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Answering(STATUS))
    with pytest.raises(Timeout, match="does not stay up"):
        rejoin.rejoin(DOCUMENT, rejoin.Part(100, votes=True), 60, lambda _: None)


def test_where_nothing_can_be_waited_for_it_must_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, False, True])
    monkeypatch.setattr(systemd, "unit", lambda _: UNIT)
    monkeypatch.setattr(rejoin, "_LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(rejoin, "is_reachable", lambda _: next(looks))
    rejoin.await_listening(DOCUMENT, 60)
    assert next(looks, "all looked at") == "all looked at"


@pytest.mark.parametrize(
    ("restarts", "says"), [(0, "for the ledger to listen"), (1, "does not stay up")], ids=["hangs", "crashes"]
)
def test_what_never_listens_did_not_come_back(monkeypatch: pytest.MonkeyPatch, restarts: int, says: str) -> None:
    units = chain([UNIT], repeat(replace(UNIT, restarts=restarts)))
    monkeypatch.setattr(systemd, "unit", lambda _: next(units))
    monkeypatch.setattr(rejoin, "is_reachable", lambda _: False)
    with pytest.raises(Timeout, match=says):
        rejoin.await_listening(DOCUMENT, 0)


class Standing(Answering):
    """A driver of a node whose peers claim heights."""

    def __init__(self, says: LedgerStatus, claims: list[int]) -> None:
        super().__init__(says, OWN)
        self.claims = claims

    def peer_heights(self) -> dict[str, int]:
        return {str(number): claim for number, claim in enumerate(self.claims)}


# What peers claim, the age of the newest block in seconds, whether the node stood before, whether it came back.
CAME = {
    "the chain stands, and the node has all of it": ([7, 7, 7], 3600, True, True),
    "one boasts": ([7, 7, 900], 3600, True, True),
    "the others have one more": ([7, 8, 8], 3600, True, False),
    "the others went on": ([90, 91, 91], 3600, True, False),
    "the chain may move: its newest block is young": ([7, 7, 7], 0, True, False),
    "nobody is there to tell": ([], 3600, True, False),
    "its chain moved before: it is waited for": ([7, 7, 7], 3600, False, False),
}


@pytest.mark.parametrize(("claims", "age", "stood", "came"), CAME.values(), ids=CAME)
def test_where_the_chain_stands_the_height_of_the_others_is_all_there_is(
    monkeypatch: pytest.MonkeyPatch, claims: list[int], age: float, stood: bool, came: bool
) -> None:
    status = replace(STATUS, block_time=datetime.now(UTC) - timedelta(seconds=age))
    monkeypatch.setattr(systemd, "unit", lambda _: UNIT)
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Standing(status, claims))
    part = rejoin.Part(7, votes=True, stood=stood)
    if came:
        rejoin.rejoin(DOCUMENT, part, 60, lambda _: None)
    else:
        with pytest.raises(Timeout, match="for height 8"):
            rejoin.rejoin(DOCUMENT, part, 0, lambda _: None)


# What peers claim of a chain that this node knows up to height 7.
BEHIND = {
    "one of two boasts": ([7, 900], False),
    "two of four boast": ([7, 7, 900, 900], False),
    "both are ahead": ([9, 900], True),
    "most are ahead": ([7, 9, 9], True),
    "one block is on its way": ([8, 8, 8], False),
}


@pytest.mark.parametrize(("claims", "behind"), BEHIND.values(), ids=BEHIND)
def test_it_takes_more_than_half_of_the_peers_to_call_a_node_behind(claims: list[int], behind: bool) -> None:
    assert left_behind(Standing(STATUS, claims), STATUS) is behind


def test_who_stood_and_whose_chain_moves_again_votes_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    status = replace(STATUS, height=9, block_time=datetime.now(UTC))
    monkeypatch.setattr(systemd, "unit", lambda _: UNIT)
    silent = Standing(status, [9, 9])
    silent.signers = frozenset({"B" * 40})
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Standing(status, [9, 9]))
    rejoin.rejoin(DOCUMENT, rejoin.Part(7, votes=True, stood=True), 60, lambda _: None)
    monkeypatch.setattr(rejoin, "driver_for", lambda _: silent)
    with pytest.raises(Timeout, match="a vote of this node above height 7"):
        rejoin.rejoin(DOCUMENT, rejoin.Part(7, votes=True, stood=True), 0, lambda _: None)

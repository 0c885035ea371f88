"""Asking the gate: who is let through, who waits how long, and what the refusal says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import pytest

from nodeops.core.errors import NodeopsError, Refused, Timeout
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.quorum import leave
from nodeops.quorum.policy import Leases, Passage, Request, Standing
from tests.contract.rules.tree import ROOT

DOCUMENT = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
OPEN, WAIT = Passage("open", "fine"), Passage("wait", "its turn is at height 60", 60)
CLOSED, STANDS = Passage("closed", "3 of 4 is live, 3 needed"), Passage("stands", "the chain stands still at height 9")
SILENT = Passage("silent", "the ledger does not answer")


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Clock, list[str]]]:
    def ask(answers: Sequence[Passage], patience: float = 600) -> tuple[Clock, list[str]]:
        clock, told = Clock(), list[str]()
        said: Iterator[Passage] = chain(answers, repeat(answers[-1]))
        monkeypatch.setattr(leave, "time", clock)
        monkeypatch.setattr(leave, "look", lambda *_: next(said))
        try:
            leave.ask(DOCUMENT, Request(), patience, told.append)
        except NodeopsError as error:
            error.add_note(f"{clock.now:.1f}")
            raise
        return clock, told

    return ask


def test_an_open_gate_lets_through_at_once(asked: Callable[..., tuple[Clock, list[str]]]) -> None:
    clock, told = asked([OPEN])
    assert (clock.now, told) == (0.0, [])


def test_who_waits_is_told_why_and_let_through(asked: Callable[..., tuple[Clock, list[str]]]) -> None:
    _, told = asked([WAIT, CLOSED, SILENT, OPEN])
    assert told == [f"may not stop yet: {one.why}" for one in (WAIT, CLOSED, SILENT)]


@pytest.mark.parametrize(
    ("answers", "error", "says", "code", "seconds"),
    [
        ([CLOSED], Refused, "the others need this node: 3 of 4 is live, 3 needed", 4, 45.0),
        ([WAIT] * 100 + [CLOSED], Refused, "the others need this node", 4, 145.0),
        ([STANDS], Refused, "the chain stands still at height 9", 4, 0.0),
        ([SILENT], Refused, "the ledger does not answer", 4, 15.0),
        ([WAIT], Timeout, "waited 600 s to stop: its turn is at height 60", 5, 600.0),
        ([WAIT, CLOSED] * 1000, NodeopsError, "cu-1", None, 600.0),
    ],
    ids=["needed", "needed later", "stands", "silent", "its turn does not come", "to and fro"],
)
def test_who_is_refused(
    asked: Callable[..., tuple[Clock, list[str]]],
    answers: list[Passage],
    error: type[NodeopsError],
    says: str,
    code: int | None,
    seconds: float,
) -> None:
    with pytest.raises(error) as caught:
        asked(answers)
    assert says in str(caught.value)
    assert "cu-1" in str(caught.value)
    assert code is None or caught.value.exit_code == code
    assert abs(float(caught.value.__notes__[0]) - seconds) <= 1.0


@pytest.mark.parametrize("first", [OPEN, WAIT])
def test_what_should_not_stop_a_node_waits_for_nobodys_turn(monkeypatch, first):
    clock = Clock()
    monkeypatch.setattr(leave, "time", clock)
    monkeypatch.setattr(leave, "look", lambda *_: first)
    assert leave.Asked(DOCUMENT, Request(), 600).spare(lambda _: None) is first
    assert clock.now == 0


def test_what_should_not_stop_a_node_is_refused_while_the_others_need_it(monkeypatch):
    monkeypatch.setattr(leave, "time", Clock())
    monkeypatch.setattr(leave, "look", lambda *_: CLOSED)
    with pytest.raises(Refused, match="3 of 4 is live, 3 needed"):
        leave.Asked(DOCUMENT, Request(), 600).spare(lambda _: None)


LEASED = Passage(
    "leased", "2 is under leases of others: wx-1 (wanxiang-blockchain) until 12:00, wi-1 (wanxiang-institute) until 12:00"
)


def test_who_meets_leases_waits_for_their_end_and_is_then_refused_with_who_holds_them(asked):
    clock, _ = asked([LEASED, LEASED, OPEN])
    assert clock.now > 0
    with pytest.raises(Refused, match="others have leases: 2 is under leases of others: wx-1") as caught:
        asked([LEASED])
    assert (caught.value.__notes__, "--force REASON" in caught.value.hint) == (["600.0"], True)


def test_what_should_not_stop_a_node_waits_for_leases(monkeypatch):
    monkeypatch.setattr(leave, "time", Clock())
    monkeypatch.setattr(leave, "look", lambda *_: LEASED)
    with pytest.raises(Refused, match="others have leases"):
        leave.Asked(DOCUMENT, Request(), 600).spare(lambda _: None)


def test_what_is_forced_is_in_the_book_before_it_is_done_and_not_done_without_the_book(monkeypatch, tmp_path):
    document = DOCUMENT.model_copy(update={"paths": {**DOCUMENT.paths, "quorum_state": str(tmp_path / "quorum")}})
    monkeypatch.setattr(leave, "look", lambda *_: Passage("open", "fine", forced="closed: 5 of 7"))
    for _ in range(2):
        leave.ask(document, Request(force="the disk burns"), 600, lambda _: None)
    book, problems = leave.forced(document)
    assert ([one.data for one in book], problems) == ([{"reason": "the disk burns", "gate": "closed: 5 of 7"}] * 2, [])
    (tmp_path / "quorum/forced.jsonl").chmod(0o666)
    with pytest.raises(Refused, match="may be written by others"):
        leave.ask(document, Request(force="again"), 600, lambda _: None)


def test_the_gate_asks_the_ledger_for_leases_where_the_node_votes(monkeypatch):
    seen = Standing(100, True, "A", {"A": 1, "B": 1}, frozenset("AB"))
    monkeypatch.setattr(leave, "observe", lambda *_: seen)
    monkeypatch.setattr(leave, "is_reachable", lambda _: True)
    monkeypatch.setattr("nodeops.quorum.lease.store.leases_for", lambda *_: Leases(unsure="asked"))
    assert "asked" in leave.look(DOCUMENT, Request()).why
    monkeypatch.setattr(leave, "observe", lambda *_: replace(seen, live=frozenset("B")))
    assert "asked" not in leave.look(DOCUMENT, Request()).why


@pytest.mark.parametrize(("more", "verdict"), [(0, "open"), (3, "wait")], ids=["as the file says", "a revision later"])
def test_where_the_chain_has_other_power_than_the_file_at_hand_turns_are_waited_for(monkeypatch, more, verdict):
    """How much others may be restarting is counted from the file: before site.yml ran, one that came is not in it."""
    total = sum(one.power for one in DOCUMENT.members)
    powers = {"A": 1, "B": total - 1} | ({"C": more} if more else {})
    # The next turn is that of B.
    seen = Standing(25, True, "A", powers, frozenset(powers))
    monkeypatch.setattr(leave, "observe", lambda *_: seen)
    monkeypatch.setattr(leave, "is_reachable", lambda _: True)
    monkeypatch.setattr("nodeops.quorum.lease.store.leases_for", lambda *_: Leases())
    assert leave.look(DOCUMENT, Request(elsewhere=0)).verdict == verdict

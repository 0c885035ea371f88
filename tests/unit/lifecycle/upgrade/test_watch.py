"""Watching a node until the chain shows that it works, and stepping aside: what ends them, and what is left behind."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeops.core.errors import HostError, Refused, Timeout
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.host.units.unit_settings import UnitSettings
from nodeops.ledger.answers import BlockCommit
from nodeops.lifecycle.upgrade import watch
from nodeops.lifecycle.upgrade.evidence import Wanted
from nodeops.quorum.leave import Asked
from nodeops.quorum.policy import Passage, Request, Standing
from tests.contract.rules.tree import ROOT

DOCUMENT = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
STARTED = 100.0


class Chain:
    """A chain of one block a second; its newest block is one further each time that somebody looks."""

    def __init__(self) -> None:
        self.height, self.power, self.signers = 110, 1, frozenset({"A", "B"})
        self.silent, self.asked = 0, list[int]()
        self.connected = ["b" * 40, "c" * 40]

    def status(self) -> SimpleNamespace:
        self.height += 1
        if self.silent:
            self.silent -= 1
            raise HostError("does not answer")
        return SimpleNamespace(height=self.height, earliest_height=1, voting_power=self.power, validator_address="A")

    def commits(self, first: int, last: int) -> list[BlockCommit]:
        heights = list(range(last, first - 1, -1))
        self.asked += heights
        return [BlockCommit(one, "", "", datetime.fromtimestamp(one, UTC), self.signers, "B", one % 2) for one in heights]

    def peers(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(node_id=one) for one in self.connected]


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Chain:
    made = Chain()
    monkeypatch.setattr(watch, "driver_for", lambda _: made)
    monkeypatch.setattr(watch, "unit_settings", lambda _: UnitSettings((), STARTED))
    monkeypatch.setattr(watch, "require_running", lambda *_: 0)
    monkeypatch.setattr(watch, "_LOOK_EVERY_SECONDS", 0.0)
    return made


def seen(wanted: Wanted, peers: tuple[str, ...] = (), seconds: float = 0.2) -> object:
    return watch.watch(watch.Watch(DOCUMENT, wanted, peers), seconds, lambda _: None)


def test_it_ends_when_the_chain_shows_it_and_no_block_is_asked_for_twice(chain: Chain) -> None:
    chain.silent = 2
    found = seen(Wanted(14, another_round=True))
    assert (found.votes, found.own) == (14, 0)  # type: ignore[attr-defined]
    assert len(chain.asked) == len(set(chain.asked))


@pytest.mark.parametrize(
    ("wanted", "peers", "why"),
    [
        (Wanted(1, proposal=True), (), "a block of its own"),
        (Wanted(1), ("d" * 40, "e" * 40), "its peers"),
    ],
)
def test_what_does_not_come_is_named(chain: Chain, wanted: Wanted, peers: tuple[str, ...], why: str) -> None:
    with pytest.raises(Timeout, match=why):
        seen(wanted, peers)
    assert chain.asked


def test_a_node_without_a_vote_follows(chain: Chain) -> None:
    chain.power, chain.signers = 0, frozenset({"B"})
    seen(Wanted(5))


def test_a_process_that_leaves_ends_it_at_once(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    def left(_: object, started: int | None = None) -> int:
        if started is not None:
            raise Timeout("the ledger does not stay up")
        return 0

    monkeypatch.setattr(watch, "require_running", left)
    with pytest.raises(Timeout, match="stay up"):
        seen(Wanted(1), seconds=60)
    assert not chain.asked


STANDING = Standing(110, True, "A", {"A": 1, "B": 1, "C": 2}, frozenset("ABC"))


@pytest.fixture
def host(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    assert chain
    monkeypatch.setattr(watch.undo_timer, "clear", lambda _: done.append("clear"))
    monkeypatch.setattr(watch.undo_timer, "arm", lambda *_: done.append("arm"))
    monkeypatch.setattr(watch.undo_timer, "disarm", lambda _: done.append("disarm"))
    monkeypatch.setattr(watch.systemd, "systemctl", lambda action, _: done.append(action))
    monkeypatch.setattr(watch, "aside_seconds", lambda *_: 0.01)
    monkeypatch.setattr(watch, "settle", lambda _: None)
    monkeypatch.setattr(watch, "rejoin", lambda *_: done.append("rejoin"))
    return done


def stepped(monkeypatch: pytest.MonkeyPatch, standing: Standing | None) -> str:
    monkeypatch.setattr(Asked, "wait", lambda *_: Passage("open", "", seen=standing))
    return watch.step_aside(Asked(DOCUMENT, Request(), 1), 5, lambda _: None)


def test_who_steps_aside_comes_back_and_a_timer_would_bring_it(host: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert stepped(monkeypatch, STANDING) == ""
    assert host == ["clear", "arm", "stop", "start", "disarm", "rejoin"]


NOT = {
    "the chain stands": replace(STANDING, moving=False),
    "it does not answer": None,
    "it has no vote": replace(STANDING, own="W"),
    "it does not vote now": replace(STANDING, live=frozenset("BC")),
}


@pytest.mark.parametrize("standing", NOT.values(), ids=NOT)
def test_nobody_steps_aside_for_nothing(host: list[str], monkeypatch: pytest.MonkeyPatch, standing: Standing | None) -> None:
    assert stepped(monkeypatch, standing)
    assert host == []


def test_nobody_steps_aside_for_longer_than_a_bound(host: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "aside_seconds", lambda *_: 901.0)
    assert "901 s to come" in stepped(monkeypatch, STANDING)
    assert host == []


def test_the_gate_says_no(host: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object) -> Passage:
        raise Refused("the others need this node")

    monkeypatch.setattr(Asked, "wait", no)
    assert watch.step_aside(Asked(DOCUMENT, Request(), 1), 5, lambda _: None) == "the others need this node"
    assert host == []


def test_what_is_interrupted_starts_the_ledger_again(host: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Asked, "wait", lambda *_: Passage("open", "", seen=STANDING))
    with pytest.raises(KeyboardInterrupt):
        watch.step_aside(Asked(DOCUMENT, Request(), 1), 5, interrupted)
    assert host == ["clear", "arm", "stop", "start"]

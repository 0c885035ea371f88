"""Going back: what is asked before, what is done, what is put right when it does not work. And leave at a height."""

from pathlib import Path

import pytest

from nodeops.core.errors import NodeopsError, Refused, Timeout
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.host.units import systemd
from nodeops.host.units.service import Observed
from nodeops.ledger.node.worked import Worked
from nodeops.lifecycle.upgrade import height, rollback
from nodeops.lifecycle.upgrade.height import AtHeight
from nodeops.lifecycle.upgrade.policy import Planned, Standing
from nodeops.quorum.leave import Asked
from nodeops.quorum.policy import Request
from tests.contract.rules.tree import ROOT

FORMER = Worked(configuration="a" * 64, version="v0.1.0", files={})
NEWER = FORMER.model_copy(update={"version": "v0.1.1"})
UNIT = systemd.Unit("ledger.service", True, True, "active", True, False, 7, 0)


class Host:
    """A host on which v0.1.1 is installed; what was done is noted in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.installed: str | None = "v0.1.1"
        self.runs: str | None = "v0.1.1"
        self.worked: Worked | None = NEWER
        self.former: Worked | None = FORMER
        self.carried: Planned | None = None
        self.stuck = False
        self.document: NodeDocument = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})

    def back(self, only_from: str = "") -> list[str]:
        found = rollback.plan(self.document, only_from)
        changes = rollback.go_back(Asked(self.document, Request(), 1), found, only_from, 20, lambda _: None)
        return [change.what for change in changes]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(rollback, "installed_version", lambda _: made.installed)
    monkeypatch.setattr(rollback, "carried", lambda *_: made.carried)
    monkeypatch.setattr(rollback, "observe", lambda _: Observed(UNIT, "b" * 64, "a" * 64))
    monkeypatch.setattr(rollback, "running_version", lambda _: made.runs)
    monkeypatch.setattr(rollback.worked, "read", lambda _: made.worked)
    monkeypatch.setattr(rollback.worked, "former", lambda _: made.former)
    monkeypatch.setattr(rollback.worked, "put_back", lambda _, kept: made.done.append(f"put back {kept.version}"))
    monkeypatch.setattr(rollback, "restart", lambda *words: made.done.append("recomputed" if words[-1] else "restarted"))
    monkeypatch.setattr(rollback.recompute, "needed", lambda _: made.stuck)
    return made


def test_it_goes_back_through_the_restart_that_asks_the_gate(host: Host) -> None:
    assert host.back("v0.1.1") == ["put back /opt/ledger", "restart ledger.service"]
    assert host.done == ["put back v0.1.0", "restarted"]


def test_a_node_with_another_version_has_nothing_to_go_back_from(host: Host) -> None:
    host.installed = host.runs = "v0.1.0"
    host.worked = FORMER
    assert host.back("v0.1.1") == []
    assert host.back() == []
    assert host.done == []


def test_a_version_that_never_took_part_goes_back_to_the_last_that_did(host: Host) -> None:
    """Not to the one before that, though nothing of the failed one was kept; also on a host's first upgrade."""
    host.installed = "v0.1.2"
    host.back("v0.1.2")
    host.former = None
    host.back("v0.1.2")
    assert host.done == ["put back v0.1.1", "restarted"] * 2


@pytest.mark.parametrize("only_from", ["v0.1.1", ""], ids=["said from where", "nobody said from where"])
@pytest.mark.parametrize("runs", ["v0.1.1", "v0.1.0", None], ids=["before the restart", "after it", "and its process is dead"])
def test_a_run_that_was_killed_is_gone_on_with(host: Host, runs: str | None, only_from: str) -> None:
    """The files are those of the former version already, and nobody has seen yet that it takes part."""
    host.installed, host.runs = "v0.1.0", runs
    assert host.back(only_from) == ["put back /opt/ledger", "restart ledger.service"]
    assert host.done == ["put back v0.1.0", "restarted"]


def test_what_the_newer_version_computed_and_the_chain_did_not_is_taken_back(host: Host) -> None:
    host.stuck = True
    assert host.back("v0.1.1") == ["put back /opt/ledger", "recompute ledger.service", "restart ledger.service"]
    assert host.done == ["put back v0.1.0", "recomputed"]


def nothing_kept(host: Host) -> None:
    host.former = None


def nothing_installed(host: Host) -> None:
    host.installed = None


def by_vote(host: Host) -> None:
    host.carried = Planned("v0.1.1", 100)


def another_series(host: Host) -> None:
    host.installed = host.runs = "v0.2.0"
    host.worked = None


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (nothing_kept, "no former version is kept"),
        (nothing_installed, "no version is installed"),
        (by_vote, "went over to v0.1.1 at height 100 by vote"),
        (another_series, "v0.2.0 -> v0.1.0"),
    ],
)
def test_it_is_refused_with_the_reason_before_anything_is_changed(host: Host, spoil: object, why: str) -> None:
    spoil(host)  # type: ignore[operator]
    assert rollback.changes(host.document, rollback.plan(host.document)) == []
    with pytest.raises(Refused, match=why) as caught:
        host.back()
    assert caught.value.hint
    assert host.done == []


def test_what_the_restart_says_is_said(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The restart itself puts the newer version back."""

    def dead(*_: object) -> None:
        raise Timeout("the ledger does not stay up")

    monkeypatch.setattr(rollback, "restart", dead)
    with pytest.raises(NodeopsError, match="does not stay up"):
        host.back()


PLAN = Planned("v0.2.0", 100)
LEAVE = {
    "at the height": (Standing("v0.2.0", "v0.1.0", 100, PLAN), ""),
    "restarted there": (Standing("v0.2.0", None, reached=PLAN), ""),
    "too early": (Standing("v0.2.0", "v0.1.0", 99, PLAN), "too early"),
    "nobody voted": (Standing("v0.2.0", "v0.1.0", 99), "no plan for it has been reached"),
}


@pytest.mark.parametrize(("seen", "why"), LEAVE.values(), ids=LEAVE)
def test_leave_at_a_height(host: Host, monkeypatch: pytest.MonkeyPatch, seen: Standing, why: str) -> None:
    ledger = host.document.ledger.model_copy(update={"version": "v0.2.0", "platform": "cosmos"})
    asked = AtHeight(host.document.model_copy(update={"ledger": ledger}), Request(), 1)
    monkeypatch.setattr(height, "standing", lambda _: seen)
    if why:
        with pytest.raises(Refused, match=why):
            asked.wait(lambda _: None)
    else:
        assert asked.wait(lambda _: None).seen is None

"""A restart that fails: what is put back, what is said, and what is left alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, NodeopsError, Refused, Timeout
from nodeops.core.result import Change
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.host.units import systemd
from nodeops.host.units.service import Observed
from nodeops.ledger.node.rejoin import Part
from nodeops.ledger.node.worked import Worked
from nodeops.lifecycle import restart
from nodeops.quorum.leave import Asked
from nodeops.quorum.policy import Passage, Request, Standing
from tests.contract.rules.tree import ROOT

OLD, NEW = "a" * 64, "b" * 64
UNIT = systemd.Unit("ledger.service", True, True, "active", True, False, 7, 0)
KEPT = Worked(configuration=OLD, version="v1", files={})
MOVES = Standing(7, True, "A", {"A": 1, "B": 1}, frozenset("AB"))
CHANGES = [Change("restart ledger.service", "its process runs an older configuration")]
DEAD = Timeout("the ledger does not stay up", where="ledger.service", hint="read the end of its log")
BACK = "It was put back to v1 with configuration aaaaaaaaaaaa, and takes part again"


class Host:
    """A host on which a restart goes as the test says; what was done is noted in order."""

    def __init__(self, folder: Path) -> None:
        self.done: list[str] = []
        self.seen = Observed(UNIT, OLD, NEW)
        self.kept: Worked | None = KEPT
        self.after = replace(UNIT, pid=0)
        self.standing: Standing | None = MOVES
        self.gate: BaseException | None = None
        self.ends: list[NodeopsError | None] = [None, None]
        self.expected: Part | None = None
        self.held = False
        self.stays: NodeopsError | None = None
        self.log = folder / "ledger.log"
        self.log.write_text("an old line\n")

    def ask(self, *_: object) -> Passage:
        if self.gate:
            raise self.gate
        return Passage("open", "", seen=self.standing)

    def start(self, _: restart.Restart, changes: list[Change], part: Part | None) -> None:
        assert part == (restart.part_of(self.standing) or self.expected)
        self.done.append(changes[0].why)
        if error := self.ends.pop(0):
            with self.log.open("a") as file:
                file.write("panic: no such\x1b[31m thing\n\n")
            raise error

    def take_back(self, *_: object) -> None:
        self.done.append("taken back")
        if self.stays:
            raise self.stays

    def reload(self, action: str) -> None:
        assert action == "daemon-reload"
        self.seen = Observed(UNIT, self.seen.running, NEW)

    def restart(self, recompute: bool = False) -> None:
        made = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
        ledger = made.ledger.model_copy(update={"paths": {**made.ledger.paths, "log": str(self.log)}})
        document = made.model_copy(update={"ledger": ledger})
        restart.restart(Asked(document, Request(), 1), CHANGES, 20, lambda _: None, recompute)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(Asked, "wait", made.ask)
    monkeypatch.setattr(restart, "observe", lambda _: made.seen)
    monkeypatch.setattr(systemd, "systemctl", made.reload)
    monkeypatch.setattr(systemd, "unit", lambda _: made.after)
    monkeypatch.setattr(restart, "part_taken", lambda _: Part(7, votes=True))
    monkeypatch.setattr(restart, "_carry_out", made.start)
    monkeypatch.setattr(restart, "take_back", made.take_back)
    monkeypatch.setattr(restart, "held", lambda _: made.held)
    monkeypatch.setattr(restart, "expected_part", lambda _: made.expected)
    monkeypatch.setattr(restart.worked, "read", lambda _: made.kept)
    monkeypatch.setattr(restart.worked, "keep", lambda *_: made.done.append("kept"))
    monkeypatch.setattr(restart.worked, "put_back", lambda *_: made.done.append("put back"))
    return made


TRIED, AGAIN = CHANGES[0].why, "it goes back to what worked"


def test_a_restart_that_works_is_kept(host: Host) -> None:
    host.restart()
    assert host.done == [TRIED, "kept"]


def test_a_node_that_does_not_come_back_is_put_back(host: Host) -> None:
    host.ends = [DEAD, None]
    with pytest.raises(Timeout) as caught:
        host.restart()
    assert host.done == [TRIED, "put back", AGAIN]
    assert caught.value.where == "the ledger of cu-1"
    assert caught.value.what == f"the ledger does not stay up; it said: panic: no such [31m thing. {BACK}"
    assert caught.value.hint == DEAD.hint


def test_a_node_that_computed_another_state_gets_that_taken_back_too(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "outvoted", lambda _, since: since == len("an old line\n"))
    host.ends = [DEAD, None]
    with pytest.raises(Timeout, match=r"another state than the chain; that was taken back\. It was put back to v1"):
        host.restart()
    assert host.done == [TRIED, "put back", "taken back", AGAIN]


def test_a_program_that_was_gone_before_it_could_be_asked_is_judged_by_what_follows(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state is the former program's as well, which runs, stops at the same block, and can be asked."""
    answers = iter([False, True])
    monkeypatch.setattr(restart, "outvoted", lambda *_: next(answers))
    host.ends = [DEAD, Timeout("waited 20 s for height 8"), None]
    with pytest.raises(Timeout, match=r"another state than the chain; that was taken back\. It was put back to v1"):
        host.restart()
    assert host.done == [TRIED, "put back", AGAIN, "taken back", AGAIN]


@pytest.mark.parametrize(("asked", "held"), [(True, False), (False, True)], ids=["asked for", "begun before and not ended"])
def test_a_restart_that_computes_anew_does_so_first(host: Host, asked: bool, held: bool) -> None:
    """Also where the node stands still: it is to go above the height at which it stood, if its chain does."""
    host.standing = replace(MOVES, moving=False)
    host.expected, host.held = Part(7, votes=True, stood=True), held
    host.restart(recompute=asked)
    assert host.done == ["taken back", TRIED, "kept"]


def test_what_cannot_be_taken_back_is_neither_started_nor_put_back(host: Host) -> None:
    """The files stay those that it is to go on with: the next run finds them, and a state that nothing started."""
    host.stays = HostError("ledger.service stays stopped, its state could not be taken back")
    with pytest.raises(HostError, match="stays stopped"):
        host.restart(recompute=True)
    assert host.done == ["taken back"]


def test_who_goes_back_starts_nothing_that_could_not_be_taken_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "outvoted", lambda *_: True)
    host.ends, host.stays = [DEAD], HostError("ledger.service stays stopped", hint="goes on")
    with pytest.raises(Timeout, match=r"Going back to v1 .* failed too: ledger\.service stays stopped") as caught:
        host.restart()
    assert caught.value.hint == "goes on"
    assert host.done == [TRIED, "put back", "taken back"]


def test_a_unit_that_systemd_has_not_read_again_is_read_first(host: Host) -> None:
    """Until then it tells of the configuration before, and that would be the one that is kept."""
    host.seen = Observed(replace(UNIT, needs_reload=True), OLD, OLD)
    host.ends = [DEAD, None]
    with pytest.raises(Timeout, match="It was put back"):
        host.restart()


def test_a_process_that_stays_has_no_last_words(host: Host) -> None:
    """What stands last in the log may be of the process before."""
    host.ends, host.after = [DEAD, None], UNIT
    with pytest.raises(Timeout) as caught:
        host.restart()
    assert "it said" not in caught.value.what


def halted(host: Host) -> None:
    host.standing = replace(MOVES, moving=False)


def nothing_kept(host: Host) -> None:
    host.kept = None


def the_same(host: Host) -> None:
    host.kept = KEPT.model_copy(update={"configuration": NEW})


def fails_again(host: Host) -> None:
    host.ends = [DEAD, Timeout("waited 20 s for height 8")]


@pytest.mark.parametrize(
    ("case", "done", "says"),
    [
        (halted, [TRIED, "put back", AGAIN], "and runs again"),
        (nothing_kept, [TRIED], "nothing was put back"),
        (the_same, [TRIED], "nothing was put back"),
        (fails_again, [TRIED, "put back", AGAIN], "Going back to v1 with configuration aaaaaaaaaaaa failed too: waited 20 s"),
    ],
)
def test_what_can_be_put_back(host: Host, case: Callable[[Host], None], done: list[str], says: str) -> None:
    host.ends = [DEAD, None]
    case(host)
    with pytest.raises(Timeout, match=says):
        host.restart()
    assert host.done == done


def fresh(host: Host) -> None:
    host.seen = Observed(UNIT, OLD, OLD)


def older(host: Host) -> None:
    host.kept = KEPT.model_copy(update={"configuration": "c" * 64})


@pytest.mark.parametrize("ended", [SystemExit(143), KeyboardInterrupt()], ids=["kill", "Ctrl-C"])
def test_who_is_interrupted_at_the_gate_leaves_nothing_untried_for_a_boot(host: Host, ended: BaseException) -> None:
    host.gate = ended
    with pytest.raises(type(ended)):
        host.restart()
    assert host.done == ["put back"]
    host.seen = Observed(UNIT, "c" * 64, NEW)
    with pytest.raises(type(ended)):
        host.restart()
    assert host.done == ["put back"]


@pytest.mark.parametrize(
    ("case", "done"),
    [(lambda _: None, ["put back"]), (nothing_kept, []), (older, []), (fresh, ["kept"])],
    ids=["its files", "nothing kept", "kept is older than the process", "asked for by hand"],
)
def test_a_refused_node_runs_on_and_its_files_say_so(host: Host, case: Callable[[Host], None], done: list[str]) -> None:
    case(host)
    host.gate = Refused("may not be stopped: the others need this node")
    with pytest.raises(Refused, match="the others need this node"):
        host.restart()
    assert host.done == done


@pytest.mark.parametrize(
    ("seen", "part"),
    [
        (MOVES, Part(7, votes=True)),
        (replace(MOVES, live=frozenset("B")), Part(7, votes=False)),
        (replace(MOVES, moving=False), None),
        (None, None),
    ],
    ids=["votes", "is silent", "stands", "does not answer"],
)
def test_what_a_node_must_come_back_to_is_what_the_gate_counted(seen: Standing | None, part: Part | None) -> None:
    assert restart.part_of(seen) == part

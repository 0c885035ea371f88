"""The engine on real files in a folder of its own; only systemd's timers are a stand-in. Killed anywhere, it is old or new."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.document.models import NodeDocument
from nodeops.hardening.change import engine, journal
from nodeops.hardening.change.eyes import HostEyes
from nodeops.hardening.change.plan import plan, undo_plan
from nodeops.hardening.controls.catalogue import Control
from nodeops.host import trial
from tests.unit.hardening.samples import control, document
from tests.unit.host.dying import dies_before
from tests.unit.host.little_systemd import LittleSystemd


class Host:
    """A folder that stands for /etc, the state of its hardening, and controls for it."""

    def __init__(self, root: Path, systemd: LittleSystemd) -> None:
        self.root, self.systemd, self.etc = root, systemd, root / "etc"
        made = document()
        self.document: NodeDocument = made.model_copy(update={"paths": {**made.paths, "hardening_state": str(root / "state")}})
        self.folder = journal.folder_of(self.document)
        self.controls: list[Control] = []
        self.notes: list[str] = []

    def begin_anew(self) -> None:
        """Be a host that was never hardened."""
        for folder in (self.etc, self.folder):
            if folder.exists():
                empty(folder)
            folder.mkdir(exist_ok=True)
        (self.etc / "issue").write_bytes(b"stock \xff\n")
        (self.etc / "issue").chmod(0o640)
        (self.etc / "login.defs").write_text("A 1\nUMASK 022\n")
        for timer in self.systemd.timers:
            (self.systemd.root / "timers" / timer).unlink()

    def seen(self) -> dict[str, object]:
        """Return every file and folder there is, with mode and content.

        A process that dies before it puts a new file in place leaves it beside, under a hidden name that nobody reads, and
        a folder of ours that holds one is not removed.
        """
        found = sorted(path for path in self.etc.rglob("*") if not is_left_over(path))
        return {str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else None) for path in found}

    def apply(self, *controls: Control) -> str:
        """Make the host be as exactly these controls ask; return the token of the trial, empty when there was nothing to do."""
        return self.change(lambda facts, old: plan(controls, facts, old, HostEyes()))

    def undo(self, left: Sequence[Control], undone: Sequence[Control]) -> str:
        """Undo some controls; return the token of the trial."""
        return self.change(lambda facts, old: undo_plan(left, undone, facts, old, HostEyes()))

    def change(self, planned: engine.Planned) -> str:
        """Carry out what is planned; what it leaves out is in `notes`."""
        with engine.at_work(self.document, 0):
            found, begun = engine.change(self.document, self.folder, planned, lambda _: None)
        self.notes = list(found.skipped)
        return begun.token if begun else ""

    def confirm(self, token: str) -> None:
        engine.confirm(self.folder, token, console=True)


def is_left_over(path: Path) -> bool:
    """Tell whether this is a new file that was never put in place, or a folder with nothing else in it."""
    inside = list(path.iterdir()) if path.is_dir() else []
    return path.name.startswith(".") or (bool(inside) and all(map(is_left_over, inside)))


def empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture(autouse=True)
def nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process is survived without; crashes of a filesystem are in tests/filesystems."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    systemd = LittleSystemd(tmp_path, "true")
    (systemd.programs / "systemd-detect-virt").write_text("#!/bin/sh\necho none\n")
    (systemd.programs / "systemd-detect-virt").chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemd.programs}:{os.environ['PATH']}")
    made = Host(tmp_path, systemd)
    made.begin_anew()
    rows: dict[str, dict[str, object]] = {
        "test.content": {"kind": "content", "path": f"{made.etc}/issue", "content": "ours\n", "mode": "0644"},
        "test.keys": {"kind": "key_value", "path": f"{made.etc}/login.defs", "key": "UMASK", "value": "077"},
        "test.lines": {
            "kind": "lines",
            "path": f"{made.etc}/new/drop-in.conf",
            "lines": ["one"],
            "reload": ["touch", f"{tmp_path}/read"],
        },
    }
    made.controls = [control(name, [row]) for name, row in rows.items()]
    return made


def test_what_is_confirmed_holds_and_an_undo_gives_back_every_byte(host):
    before = host.seen()
    token = host.apply(*host.controls)
    assert (host.etc / "issue").read_text() == "ours\n"
    assert (host.etc / "login.defs").read_text() == "A 1\nUMASK 077\n"
    assert (host.etc / "new/drop-in.conf").read_text().endswith("one\n")
    assert (host.root / "read").exists(), "the command that puts it in force was run"
    assert list(host.systemd.timers) == ["nodeops-hardening-undo.timer"]
    host.confirm(token)
    assert (host.systemd.timers, journal.kept(host.folder).applied) == ({}, [one.id for one in host.controls])
    assert host.apply(*host.controls) == "", "a second run changes nothing"
    host.confirm(host.undo([], host.controls))
    assert host.seen() == before


def test_undoing_one_means_one(host):
    host.confirm(host.apply(*host.controls))
    (host.etc / "issue").write_text("somebody else's\n")
    host.confirm(host.undo(host.controls[:2], host.controls[2:]))
    assert (host.etc / "issue").read_text() == "somebody else's\n", "it belongs to another control"
    assert not (host.etc / "new").exists()
    assert journal.kept(host.folder).applied == [one.id for one in host.controls[:2]]
    host.confirm(host.undo(host.controls[:1], host.controls[1:2]))
    assert (host.etc / "login.defs").read_text() == "A 1\nUMASK 022\n"


def test_what_has_gone_since_is_left_out_and_named(host):
    row = {"kind": "key_value", "path": f"{host.etc}/vendor/its.conf", "key": "A", "value": "2"}
    (host.etc / "vendor").mkdir()
    (host.etc / "vendor/its.conf").write_text("A 1\n")
    gone = control("test.vendor", [row])
    host.confirm(host.apply(*host.controls, gone))
    (host.etc / "vendor/its.conf").unlink()
    (host.etc / "vendor").rmdir()
    host.confirm(host.undo([], [*host.controls, gone]))
    assert host.notes == [f"file {host.etc}/vendor/its.conf is left out: its folder has gone"]
    assert ((host.etc / "issue").read_bytes(), journal.kept(host.folder).applied) == (b"stock \xff\n", [])


def test_one_control_is_undone_and_the_others_stay(host):
    host.confirm(host.apply(*host.controls))
    host.confirm(host.apply(*host.controls[:1]))
    assert (host.etc / "issue").read_text() == "ours\n"
    assert (host.etc / "login.defs").read_text() == "A 1\nUMASK 022\n"
    assert not (host.etc / "new").exists()


def test_what_nobody_confirms_is_taken_back(host):
    before = host.seen()
    token = host.apply(*host.controls)
    with pytest.raises(Refused, match="on trial"):
        host.apply()
    assert engine.roll_back(host.folder)
    assert (host.seen(), host.systemd.timers, trial.recorded(host.folder)) == (before, {}, None)
    with pytest.raises(Refused, match="no change is on trial"):
        host.confirm(token)


def test_a_step_or_a_reload_that_the_host_refuses_takes_everything_back(host):
    before = host.seen()
    for row in (
        {"kind": "lines", "path": f"{host.etc}/issue/below", "lines": ["x"]},
        {"kind": "lines", "path": f"{host.etc}/z", "lines": ["x"], "reload": ["false"]},
    ):
        with pytest.raises(HostError):
            host.apply(*host.controls, control("test.refused", [row]))
        assert (host.seen(), host.systemd.timers, journal.journal(host.folder)) == (before, {}, None)


def test_without_a_timer_nothing_is_changed(host):
    before = host.seen()
    (host.systemd.programs / "systemd-run").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(HostError):
        host.apply(*host.controls)
    assert (host.seen(), trial.recorded(host.folder)) == (before, None)


def test_killed_at_any_step_of_an_apply_the_old_state_comes_back(host, stride):
    before, step, died = host.seen(), 0, True
    while died:
        died = dies_before(step, lambda: host.apply(*host.controls))
        if host.seen() != before:
            assert host.systemd.timers, f"changed before step {step}, and nothing would undo it"
        engine.recover(host.folder)
        assert (host.seen(), host.systemd.timers, journal.journal(host.folder)) == (before, {}, None), step
        host.begin_anew()
        step += stride
    assert step > 15


def test_killed_at_any_step_of_a_confirmation_it_holds_or_is_taken_back(host, stride):
    before, ends, step, died = host.seen(), set(), 0, True
    while died:
        host.begin_anew()
        token = host.apply(*host.controls)
        new = host.seen()
        died = dies_before(step, partial(host.confirm, token))
        assert host.seen() == new
        engine.recover(host.folder)
        found, kept = host.seen(), journal.kept(host.folder)
        assert (found, bool(kept.applied)) in ((before, False), (new, True)), step
        ends.add(bool(kept.applied))
        step += stride
    assert ends == {True, False}

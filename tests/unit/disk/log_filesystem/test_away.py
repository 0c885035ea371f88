"""What is stopped for a move is started again, whatever ends it: also a kill, which leaves nobody to do it but systemd."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.disk.log_filesystem.prepare import away
from nodeops.host.lock import held
from nodeops.host.units import systemd
from tests.unit.host.dying import dies_before
from tests.unit.host.little_systemd import UNIT, LittleSystemd

STARTED = f"start {UNIT}"


@pytest.fixture
def turn(tmp_path: Path) -> Path:
    (tmp_path / "turn").mkdir()
    return tmp_path / "turn"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LittleSystemd]:
    made = LittleSystemd(tmp_path, "sleep 1000")
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    begin(made)
    yield made
    made.end()


def begin(host: LittleSystemd) -> None:
    """Let the ledger run, and nothing be asked yet."""
    subprocess.run(["systemctl", "restart", UNIT], check=True)
    (host.root / "asked").unlink(missing_ok=True)
    host.reset()


def started(host: LittleSystemd) -> list[str]:
    file = host.root / "asked"
    return [line for line in file.read_text().splitlines() if line.startswith("start")] if file.exists() else []


def moves(turn: Path) -> None:
    with held(turn), away([UNIT], turn):
        systemd.systemctl("list-unit-files")


def test_what_was_stopped_is_started_again_and_nothing_is_armed_after_that(host: LittleSystemd, turn: Path) -> None:
    moves(turn)
    assert (host.is_running(), started(host), list(host.timers)) == (False, [STARTED], [])


def test_killed_before_any_of_its_calls_what_it_stopped_comes_back(host: LittleSystemd, turn: Path) -> None:
    steps = count()
    while dies_before(next(steps), lambda: moves(turn)):
        host.fire()
        assert host.is_running() or started(host)[-1:] == [STARTED]
        begin(host)
    assert next(steps) > 7


def test_while_it_lives_nothing_is_started_beside_it(host: LittleSystemd, turn: Path) -> None:
    with held(turn) as lock, away([UNIT], turn):
        armed = host.timers["nodeops-disk-back.timer"].split()
        waits = subprocess.Popen(armed[armed.index("flock") :])
        with pytest.raises(subprocess.TimeoutExpired):
            waits.wait(0.5)
        assert started(host) == []
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert (waits.wait(10), started(host)) == (0, [STARTED])


def test_nothing_is_armed_where_nothing_was_running(host: LittleSystemd, turn: Path) -> None:
    with away([], turn):
        assert (host.calls, host.is_running()) == (0, True)


def test_what_cannot_be_stopped_is_started_all_the_same(host: LittleSystemd, turn: Path) -> None:
    """It may have been told to stop, and only took too long."""
    program = host.programs / "systemctl"
    program.write_text(program.read_text().replace("stop)", "stop) case $* in *disk-back*) ;; *) exit 1;; esac"))
    with pytest.raises(HostError), away([UNIT], turn):
        raise AssertionError
    assert started(host) == [STARTED]

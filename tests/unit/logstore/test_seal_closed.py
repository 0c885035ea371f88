"""Rotated files, and deleted ones that are still written: sealed to their last byte, and only then gone."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.host import extents
from nodeops.host.extents import collapse_refusal
from nodeops.host.writers import Deleted, deleted_open
from nodeops.logstore import cut, seal
from nodeops.logstore.cut import Unfinished
from nodeops.logstore.seal import drain_deleted, finish_deleted, seal_closed
from nodeops.logstore.source import opened_deleted
from tests.unit.logstore.samples import BLOCK, STREAM, Killed, Log, die, faulty, lines


@pytest.fixture(autouse=True)
def small_cuts_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    monkeypatch.setattr(cut, "LARGEST_CUT_BYTES", 4 * BLOCK)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if reason := collapse_refusal(tmp_path):
        pytest.skip(reason)
    return tmp_path


def sealed(log: Log) -> list[int]:
    """Seal the file to its end, and return the sizes of its pieces."""
    with log.journal() as journal:
        made = list(seal_closed(log.live, log.sealed, journal, STREAM, log.now))
    return [one.end - one.start for one in made]


@pytest.mark.parametrize("rest", [1, 123, 4095])
def test_a_rotated_file_goes_in_pieces_to_its_last_byte(folder, rest):
    log = Log(folder, lines(10 * BLOCK + rest))
    assert sealed(log) == [4 * BLOCK, 4 * BLOCK, 2 * BLOCK + rest]
    assert (log.stored, log.live.exists(), log.record.identity) == (log.written, False, None)


def test_the_next_file_goes_on_without_a_gap(folder):
    log = Log(folder)
    log.seal(2)
    sealed(log)
    for _ in range(2):
        more = lines(6 * BLOCK + 77)
        log.live.write_bytes(more)
        log.written += more
        sealed(log)
    assert (log.stored, log.record.gaps_total) == (log.written, 0)


@pytest.mark.parametrize("size", [0, 1, BLOCK, 4 * BLOCK])
def test_small_and_empty_files(folder, size):
    log = Log(folder, lines(size))
    assert sealed(log) == ([size] if size else [])
    assert (log.stored, log.live.exists()) == (log.written, False)


def test_where_blocks_cannot_be_taken_out_it_is_one_segment(folder, monkeypatch):
    monkeypatch.setattr(seal, "collapse_refusal", lambda path: "no")
    log = Log(folder)
    with faulty() as faults:
        assert sealed(log) == [10 * BLOCK + 123]
    assert (log.stored, "collapse" in faults.calls) == (log.written, False)


def sealed_anyhow(log: Log) -> None:
    if log.live.exists() or log.record.state != "idle":
        sealed(log)


@pytest.mark.parametrize("how", ["die", "fail", "fail after"])
def test_it_goes_wrong_at_any_step_and_the_next_run_completes(folder, how):
    for number in range(100):
        log = Log(folder / str(number), lines(6 * BLOCK + 5))
        log.record  # noqa: B018
        with faulty(number, how) as faults, suppress(Killed, HostError):
            sealed(log)
        sealed_anyhow(log)
        assert (log.stored, log.live.exists(), log.record.state) == (log.written, False, "idle")
        assert log.record.gaps_total == 0
        if len(faults.calls) <= number:
            return
    pytest.fail("more steps than expected")


def test_one_that_somebody_writes_is_left_alone(folder):
    log = Log(folder)
    with log.live.open("ab"), pytest.raises(Refused, match="somebody still writes to it"):
        sealed(log)
    assert (log.live.read_bytes(), log.names) == (log.written, set())


def meanwhile(log: Log, work: Callable[[], object]) -> None:
    """Let something happen when the segment of the whole file is on disk and before the file is removed."""
    real = os.rename

    def renamed(*given: object, **named: object) -> None:
        patch.undo()
        real(*given, **named)
        work()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", renamed)
        sealed(log)


def append(log: Log) -> None:
    with log.live.open("ab") as file:
        file.write(b"late\n")


def overwrite(log: Log) -> None:
    with log.live.open("r+b") as file:
        file.write(b"LATE")
    os.utime(log.live)


def swap(log: Log) -> None:
    log.live.rename(log.live.with_suffix(".real"))
    log.live.write_bytes(b"precious")


CHANGES = {
    "appended": (append, "somebody wrote to it"),
    "overwritten": (overwrite, "somebody wrote to it"),
    "opened": (lambda log: log.__dict__.update(held=log.live.open("ab")), "somebody has opened it for writing"),
    "swapped": (swap, "another file has its name now"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_one_that_changes_meanwhile_is_as_it_was(folder, change, message):
    log = Log(folder, lines(3 * BLOCK))
    with pytest.raises(Refused, match=message):
        meanwhile(log, lambda: change(log))
    assert (log.names, log.record.state, log.record.base) == (set(), "idle", 0)
    assert log.live.exists()


def test_another_file_of_the_stream_comes_first(folder):
    log = Log(folder)
    log.seal(1)
    older = log.live.with_name("node.log.1")
    older.write_bytes(b"another\n")
    with log.journal() as journal, pytest.raises(Unfinished) as caught:
        list(seal_closed(older, log.sealed, journal, STREAM, log.now))
    assert (caught.value.where, older.exists()) == (str(log.live), True)


WRITE = """
import os, sys
handle = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for line in sys.stdin.buffer:
    os.write(handle, line)
    print("written", flush=True)
"""


class Writer:
    """A process that appends to a log what it is told, whether it has a name or not."""

    def __init__(self, path: Path) -> None:
        words = [sys.executable, "-c", WRITE, str(path)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"written\n"

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture
def deleted(folder: Path) -> Iterator[tuple[Log, Writer, Deleted]]:
    log = Log(folder, lines(20 * BLOCK))
    writer = Writer(log.live)
    writer.write(b"the last line with a name\n")
    log.written += b"the last line with a name\n"
    log.live.unlink()
    (found,) = deleted_open(str(folder))
    try:
        yield log, writer, found
    finally:
        with writer.process:
            writer.process.kill()


def test_a_deleted_log_that_is_written_on_loses_nothing(deleted):
    log, writer, found = deleted
    assert found.bytes >= 20 * BLOCK
    with opened_deleted(found, writing=False) as held, log.journal() as journal:
        list(drain_deleted(found, log.sealed, journal, STREAM, log.now))
        assert os.fstat(held.handle).st_blocks * 512 <= BLOCK
        assert list(finish_deleted(held, log.sealed, journal, STREAM, log.now)) == []
        writer.write(b"a line without a name\n")
        writer.end()
        (last,) = finish_deleted(held, log.sealed, journal, STREAM, log.now)
    assert log.stored == log.written + b"a line without a name\n"
    assert (last.end, log.record.identity) == (len(log.stored), None)


def test_a_cut_of_a_deleted_log_that_was_interrupted_is_found_again(deleted, monkeypatch):
    log, _, found = deleted
    monkeypatch.setattr(extents, "collapse", die)
    with pytest.raises(Killed), log.journal() as journal:
        next(drain_deleted(found, log.sealed, journal, STREAM, log.now))
    monkeypatch.undo()
    assert "taken out again" in log.recover()
    with opened_deleted(found, writing=False) as held:
        assert log.stored + os.pread(held.handle, 1 << 20, 0) == log.written


def test_a_handle_that_is_another_file_by_now_is_not_touched(deleted, tmp_path):
    log, _, found = deleted
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    with other.open("rb") as file:
        swapped = Deleted(os.getpid(), "x", f"/proc/{os.getpid()}/fd/{file.fileno()}", 0, "", found.device, found.inode)
        with log.journal() as journal, pytest.raises(HostError, match="is another file by now"):
            list(drain_deleted(swapped, log.sealed, journal, STREAM, log.now))
    assert other.read_bytes() == b"precious"


def test_a_path_that_is_no_handle_is_refused(deleted, tmp_path):
    log, _, _ = deleted
    faked = Deleted(1, "x", str(tmp_path / "x"), 0, "", 0, 0)
    with log.journal() as journal, pytest.raises(Refused, match="is no handle of a process"):
        list(drain_deleted(faked, log.sealed, journal, STREAM, log.now))

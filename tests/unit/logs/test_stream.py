"""Sealed segments and the live log are one stream of bytes: none is lost or repeated, whatever a guard does meanwhile."""

import itertools
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.host import extents
from nodeops.logs import live_log
from nodeops.logs import stream as stream_module
from nodeops.logs.stream import Chunk, LogStream, joined
from tests.unit.logs.log_made import MadeLog, made


@pytest.fixture
def log(tmp_path):
    return made(tmp_path)


@pytest.fixture(scope="module")
def kept_log(tmp_path_factory):
    """Return a log of three segments and a live part, which tests do not change."""
    log = made(tmp_path_factory.mktemp("kept"))
    log.write_lines(200)
    for _ in range(3):
        log.seal()
    return log


@pytest.fixture
def long_log(kept_log, tmp_path):
    """Return a copy of that, to be changed."""
    shutil.copytree(kept_log.files.sealed, tmp_path / "sealed")
    shutil.copyfile(kept_log.files.live, tmp_path / "ledger.log")
    record = kept_log.record()
    log = MadeLog(tmp_path)
    log.begin_as(record)
    log.written = kept_log.written
    return log


def test_segments_and_live_log_are_one(kept_log):
    assert len(kept_log.segments()) == 3
    assert kept_log.read() == (kept_log.written, [])


def test_any_part_can_be_read(kept_log):
    for start, length in itertools.product((0, 1, 4095, 4096, 4097, 12288, 12289, 19999, 20000), (0, 1, 4096, 9000, 30000)):
        assert kept_log.read(start, start + length)[0] == kept_log.written[start : start + length]


def test_a_log_that_no_guard_ever_saw_is_read_too(tmp_path):
    log = MadeLog(tmp_path)
    log.write(b"a\nb")
    assert log.read() == (b"a\nb", [])
    log.files.sealed.rmdir()
    assert log.read() == (b"a\nb", [])
    log.files.live.unlink()
    assert log.read() == (b"", [])


def test_segments_are_read_after_journal_and_live_log_are_gone(long_log):
    long_log.files.journal.unlink()
    long_log.files.live.unlink()
    assert long_log.read() == (long_log.written[: 3 * 4096], [])


def test_what_was_purged_is_said_and_left_out(long_log):
    first, second, _ = long_log.segments()
    first.unlink()
    assert long_log.read() == (long_log.written[4096:], [])
    second.unlink()
    assert long_log.read(4096) == (
        long_log.written[8192:],
        ["bytes 4096 to 8192 of the log are not here any more: purged, or lost"],
    )


def test_a_line_before_missing_bytes_is_ended(long_log):
    long_log.segments()[1].unlink()
    data, said = long_log.read()
    assert (data, len(said)) == (long_log.written[:4096] + b"\n" + long_log.written[8192:], 1)
    assert b"".join(joined([Chunk(0, b"a\n"), Chunk(9, b"b"), Chunk(10, b""), Chunk(10, b"c"), Chunk(20, b"d")])) == b"a\nbc\nd"


DAMAGES = {
    "cut off": lambda data: data[:-600],
    "compressed bytes": lambda data: data[:60] + b"\0\0\0\0" + data[64:],
    "empty": lambda data: b"",
    "no zstd": lambda data: b"x" * len(data),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_segment_is_said_and_the_others_are_read(long_log, damage):
    second = long_log.segments()[1]
    second.write_bytes(damage(second.read_bytes()))
    data, said = long_log.read()
    assert (data.startswith(long_log.written[:4096]), data.endswith(long_log.written[8192:])) == (True, True)
    assert [second.name in message and "goes on here at byte 8192" in message for message in said] == [True]


def test_a_link_in_the_place_of_a_segment_is_not_followed(long_log, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    second = long_log.segments()[1]
    second.unlink()
    second.symlink_to(tmp_path / "secret")
    data, said = long_log.read()
    assert (b"secret" in data, len(said)) == (False, 1)


def test_sealing_between_two_reads_moves_nothing(log):
    log.write_lines(500)
    with LogStream(log.files) as stream:
        got = b""
        for chunk in stream.read(0, len(log.written)):
            got += chunk.data
            log.seal(8192)
    assert got == log.written


def test_a_reader_that_is_behind_finds_what_was_sealed_meanwhile(log):
    log.write_lines(500)
    with LogStream(log.files) as stream:
        stream.spans()
        chunks = stream.read(0, len(log.written))
        log.seal(8192)
        log.seal(8192)
        assert b"".join(chunk.data for chunk in chunks) == log.written


class Killed(BaseException):
    """The guard dies here."""


@pytest.mark.parametrize("begun", [False, True], ids=["before the head went", "after the head went"])
def test_a_guard_that_died_in_the_middle_of_a_cut_hides_nothing(log, monkeypatch, begun):
    log.write_lines(300)
    log.seal()
    real = extents.collapse

    def collapse(handle: int, offset: int, length: int) -> None:
        if begun:
            real(handle, offset, length)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(extents, "collapse", collapse)
        with pytest.raises(Killed):
            log.seal()
    log.write_lines(10)
    monkeypatch.setattr(live_log, "_PATIENCE_SECONDS", 0.05)
    assert log.read() == (log.written, [])
    assert log.read(9000) == (log.written[9000:], [])
    log.seal()
    assert log.read() == (log.written, [])


def test_a_cut_of_which_nobody_knows_how_far_it_came_is_said(log, monkeypatch):
    log.write_lines(300)
    with monkeypatch.context() as patched:
        patched.setattr(extents, "collapse", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            log.seal()
    monkeypatch.setattr(live_log, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(live_log, "same_place", lambda *_: None)
    with LogStream(log.files) as stream:
        assert b"".join(chunk.data for chunk in stream.read(0, 4096)) == log.written[:4096]
        with pytest.raises(HostError, match="not clear how far"):
            list(stream.read(5000, 6000))


def test_a_damaged_journal_is_said(long_log):
    long_log.files.journal.write_bytes(b"\0" * 8192)
    with pytest.raises(HostError, match="damaged in both places"):
        long_log.read()


def test_renamed_logs_come_before_the_live_one(tmp_path):
    log = MadeLog(tmp_path, rotated="ledger.log.*")
    log.write_lines(30)
    log.look()
    first = log.rename("ledger.log.1")
    log.write_lines(20)
    second = log.rename("ledger.log.2")
    os.utime(first, (1, 1))
    log.write_lines(10)
    assert log.read() == (log.written, [])
    log.seal_closed(first)
    assert log.read() == (log.written, [])
    log.seal_closed(second)
    assert log.read() == (log.written, [])
    assert [path.name for path in tmp_path.iterdir() if "log." in path.name] == []


def test_a_log_renamed_by_somebody_is_found_by_its_inode(log):
    log.write_lines(300)
    log.seal()
    moved = log.rename("old name")
    log.write_lines(5)
    assert log.read() == (log.written, [])
    log.seal_closed(moved)
    assert log.read() == (log.written, [])


def test_a_reader_does_not_keep_a_removed_file_on_the_disk(tmp_path):
    log = MadeLog(tmp_path, rotated="ledger.log.*")
    log.write_lines(30)
    log.look()
    renamed = log.rename("ledger.log.1")
    with LogStream(log.files) as stream:
        list(stream.read(0, len(log.written)))
        log.seal_closed(renamed)
        list(stream.read(0, len(log.written)))
        held = [str(path.readlink()) for path in _handles()]
    assert [path for path in held if str(tmp_path) in path and "(deleted)" in path] == []


def _handles() -> list[Path]:
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            path.readlink()
            found.append(path)
    return found


def test_following_goes_on_after_the_log_was_cut_short_by_somebody_else(log, monkeypatch):
    monkeypatch.setattr(stream_module, "POLL_SECONDS", 0.0)
    log.write(b"before\n")
    said: list[str] = []
    with LogStream(log.files, said.append) as stream:
        chunks = stream.read(0)
        assert next(chunks).data == b"before\n"
        log.files.live.write_bytes(b"new\n")
        assert next(chunk.data for chunk in chunks if chunk.data) == b"new\n"
    assert [message for message in said if "shortened" in message] == said != []


def test_the_end_is_that_of_when_reading_began(log):
    log.write_lines(3)
    with LogStream(log.files) as stream:
        end = stream.bounds()[2]
        log.write_lines(3)
        assert sum(len(chunk.data) for chunk in stream.read(0, end)) == 300

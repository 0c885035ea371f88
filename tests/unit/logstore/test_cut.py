"""One cut of a live log: what was written is in the segments and in the log, once and in order, whatever goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, NodeopsError, Refused
from nodeops.host import extents
from nodeops.host.extents import collapse_refusal
from nodeops.logstore import cut
from nodeops.logstore.cut import Unfinished
from nodeops.logstore.recover import NOTHING
from nodeops.logstore.seal import drain, observe
from tests.unit.logstore.samples import BLOCK, STREAM, Killed, Log, faulty, lines

NAME = f"{STREAM}.{0:016x}-{4 * BLOCK:016x}.zst"
PROTOCOL = "fsync unlink pwrite fsync create fchmod write write fsync rename fsync pwrite fsync fsync collapse fsync pwrite fsync"


@pytest.fixture(autouse=True)
def nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process and a full disk are survived without; tests/filesystems/test_crash.py needs what this leaves out."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    if reason := collapse_refusal(tmp_path):
        pytest.skip(reason)
    return Log(tmp_path)


@pytest.mark.parametrize(("blocks", "sealed"), [(1, 1), (4, 4), (10, 10), (99, 10)])
def test_the_head_goes_into_a_segment_and_out_of_the_log(log, blocks, sealed):
    made = log.seal(blocks)
    assert (made.start, made.end, made.lines) == (0, sealed * BLOCK, log.written[: sealed * BLOCK].count(b"\n"))
    assert (log.live.stat().st_size, log.names) == (len(log.written) - sealed * BLOCK, {made.name})
    assert log.whole == log.written


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK])
def test_less_than_a_block_is_left_alone(tmp_path, size):
    log = Log(tmp_path, lines(size))
    assert log.seal() is None
    assert (log.names, log.live.read_bytes()) == (set(), log.written)


def test_the_end_of_the_file_is_never_reached(tmp_path):
    log = Log(tmp_path, lines(4 * BLOCK))
    assert log.seal(4).end == 3 * BLOCK
    assert log.whole == log.written


def test_cut_after_cut_the_stream_goes_on(log):
    for number in range(5):
        log.append(lines(3 * BLOCK, first=number * 1000))
        log.seal(2)
    assert log.whole == log.written
    assert (log.record.base, log.record.gaps_total) == (10 * BLOCK, 0)


def test_a_drain_takes_all_but_what_is_kept(log, monkeypatch):
    monkeypatch.setattr(cut, "LARGEST_CUT_BYTES", 2 * BLOCK)
    with log.journal() as journal:
        made = list(drain(log.live, log.sealed, journal, STREAM, 3 * BLOCK, log.now))
    assert [one.end - one.start for one in made] == [2 * BLOCK] * 4
    assert log.whole == log.written


def test_a_drain_does_not_run_after_its_writer(log):
    with log.journal() as journal:
        for number, _ in enumerate(drain(log.live, log.sealed, journal, STREAM, 0, log.now)):
            log.append(lines(3 * BLOCK, first=number * 1000))
            assert number == 0


def test_a_drain_makes_smaller_cuts_where_there_is_less_room(log, monkeypatch):
    monkeypatch.setattr(extents, "free_bytes", lambda handle: 4 * BLOCK + 100)
    with log.journal() as journal:
        made = list(drain(log.live, log.sealed, journal, STREAM, 0, log.now))
    assert [one.end - one.start for one in made] == [2 * BLOCK] * 5


def test_a_drain_without_room_for_a_block_says_so(log, monkeypatch):
    monkeypatch.setattr(extents, "free_bytes", lambda handle: BLOCK)
    with log.journal() as journal, pytest.raises(HostError, match="no room to compress a single block"):
        list(drain(log.live, log.sealed, journal, STREAM, 0, log.now))
    assert log.whole == log.written


def test_the_protocol_brings_each_step_to_the_disk_before_the_next(log):
    with faulty() as faults:
        log.seal()
    assert " ".join(faults.calls).endswith(PROTOCOL)


def count_steps(folder: Path) -> int:
    log = Log(folder)
    log.record  # noqa: B018 - makes the journal
    with faulty() as faults:
        log.seal()
    return len(faults.calls)


@pytest.mark.parametrize("how", ["fail", "fail after", "all fail", "short"])
def test_a_disk_that_is_full_at_any_step_loses_nothing(tmp_path, how):
    for number in range(count_steps(tmp_path / "count")):
        log = Log(tmp_path / str(number))
        log.record  # noqa: B018
        with faulty(number, how):
            try:
                made = log.seal()
            except HostError:
                made = None
        if how == "all fail":
            log.recover()
        assert log.recover() == NOTHING
        assert log.names == (set() if log.record.base == 0 else {NAME})
        assert made is None or log.record.base == made.end
        assert log.whole == log.written
        assert log.seal(2).start == (4 * BLOCK if log.record.base > 2 * BLOCK else 0)
        assert log.whole == log.written


def test_a_process_killed_at_any_step_loses_nothing(tmp_path):
    for number in range(count_steps(tmp_path / "count")):
        log = Log(tmp_path / str(number))
        log.record  # noqa: B018
        with faulty(number, "die"), pytest.raises(Killed):
            log.seal()
        log.append(b"written while nobody seals\n")
        log.recover()
        assert log.recover() == NOTHING
        assert log.whole == log.written
        log.seal(2)
        assert log.whole == log.written


def test_one_that_stays_full_is_as_it_was(log):
    with faulty() as faults:
        log.record  # noqa: B018
        faults.at, faults.how = len(faults.calls) + 5, "fail"
        with pytest.raises(HostError, match="No space left on device"):
            log.seal()
    assert (log.names, log.record.state, log.live.read_bytes()) == (set(), "idle", log.written)


def test_a_log_of_equal_blocks_is_counted_to_the_byte(tmp_path):
    log = Log(tmp_path, b"the same line\n\n\n" * (BLOCK // 16 * 9) + b"end")
    log.interrupted(3)
    log.recover()
    for _ in range(3):
        log.seal(2)
    assert log.whole == log.written


def test_a_log_with_holes_is_refused_at_once(tmp_path):
    log = Log(tmp_path, b"x" * BLOCK)
    os.truncate(log.live, 20 << 30)
    with pytest.raises(Refused, match="has holes"):
        log.seal(1 << 20)
    assert (log.names, log.live.stat().st_size, log.live.stat().st_blocks) == (set(), 20 << 30, 8)


def make_link(live: Path) -> None:
    live.rename(live.with_suffix(".real"))
    live.symlink_to(live.with_suffix(".real"))


BAD = {
    "a second name": (lambda live: os.link(live, live.with_suffix(".2")), "has other names too"),
    "a link": (make_link, "symbolic link"),
    "a pipe": (lambda live: (live.unlink(), os.mkfifo(live)), "is no regular file"),
    "a folder": (lambda live: (live.unlink(), live.mkdir()), "Is a directory"),
    "nothing": (Path.unlink, "No such file"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_what_is_no_plain_log_is_refused(log, change, message):
    change(log.live)
    with pytest.raises(NodeopsError, match=message):
        log.seal()
    assert log.names == set()


def test_a_sealed_folder_behind_a_link_is_refused(log):
    log.sealed.rename(log.sealed.with_name("elsewhere"))
    log.sealed.symlink_to("elsewhere")
    with pytest.raises(Refused, match="symbolic link"):
        log.seal()


def test_a_segment_that_is_there_already_is_not_overwritten(log):
    log.record  # noqa: B018
    (log.sealed / NAME).write_bytes(b"precious")
    with pytest.raises(HostError, match="is there already"):
        log.seal()
    assert ((log.sealed / NAME).read_bytes(), log.live.read_bytes()) == (b"precious", log.written)


def test_a_log_that_was_replaced_leaves_a_gap_of_what_was_known(log):
    log.seal()
    log.live.unlink()
    log.live.write_bytes(lines(5 * BLOCK))
    made = log.seal(2)
    (gap,) = log.record.gaps
    assert (gap.start, gap.end, gap.reason) == (4 * BLOCK, 10 * BLOCK + 123, "replaced")
    assert (made.start, log.record.gaps_total) == (10 * BLOCK + 123, 1)


def test_a_new_file_with_the_old_inode_number_is_another_file(log):
    log.seal()
    number = log.live.stat().st_ino
    for _ in range(100):
        log.live.unlink()
        log.live.write_bytes(lines(11 * BLOCK))
        if log.live.stat().st_ino == number:
            break
    else:
        pytest.skip("the filesystem did not give the number again")
    log.seal()
    assert [gap.reason for gap in log.record.gaps] == ["replaced"]


def test_a_log_that_was_shortened_leaves_a_gap(log):
    log.seal()
    os.truncate(log.live, 0)
    log.live.write_bytes(lines(5 * BLOCK))
    assert log.seal(2).start == 10 * BLOCK + 123
    assert [(gap.end - gap.start, gap.reason) for gap in log.record.gaps] == [(6 * BLOCK + 123, "shortened")]


def test_a_look_between_cuts_notices_what_a_cut_would_not(log):
    with log.journal() as journal:
        log.seal_with(journal)
        os.truncate(log.live, 0)
        observe(log.live, journal, STREAM, log.now)
        log.live.write_bytes(lines(20 * BLOCK))
        assert log.seal_with(journal).start == 10 * BLOCK + 123
        assert journal.record.gaps_total == 1


def test_a_look_does_not_decide_which_file_comes_first(log):
    with log.journal() as journal:
        observe(log.live, journal, STREAM, log.now)
        assert journal.record.identity is None


def test_a_log_that_was_renamed_comes_first(log):
    log.seal()
    log.live.rename(log.live.with_suffix(".log.1"))
    log.live.write_bytes(lines(5 * BLOCK))
    with pytest.raises(Unfinished) as caught:
        log.seal()
    assert caught.value.where == str(log.live.with_suffix(".log.1"))
    assert log.record.gaps_total == 0


def test_a_deleted_log_that_is_still_written_comes_first(log):
    log.seal()
    holder = subprocess.Popen(["/bin/sleep", "60"], stdout=log.live.open("ab"))
    try:
        log.live.unlink()
        log.live.write_bytes(lines(5 * BLOCK))
        with pytest.raises(Unfinished) as caught:
            log.seal()
        assert caught.value.where == f"/proc/{holder.pid}/fd/1"
    finally:
        holder.kill()
        holder.wait()


def test_times_enclose_when_the_bytes_were_written(log):
    born = log.live.stat().st_ctime
    log.time = born + 1
    with log.journal() as journal:
        log.seal_with(journal, 1)
        for later in (1000, 2000, 3000):
            log.time = born + later
            observe(log.live, journal, STREAM, log.now)
            log.append(lines(4 * BLOCK))
        made = [log.seal_with(journal, blocks) for blocks in (7, 4, 99)]
    assert [(round(one.began - born), round(one.ended - born)) for one in made] == [(0, 2), (0, 2001), (1001, 3002)]


LEAN = """
import sys
import nodeops.logstore.seal, nodeops.logstore.index, nodeops.logstore.method
print(sorted({name.partition(".")[0] for name in sys.modules} & {"pydantic", "typer", "rich", "psutil", "tenacity", "ruamel"}))
"""


def test_nothing_heavy_is_imported():
    done = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

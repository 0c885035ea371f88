"""The filesystem stops in the middle of a cut, as at a power cut, and is mounted again: after recovery every byte is there once.

Simulated with FS_IOC_SHUTDOWN on loop devices. What a real disk does with its own cache at a power cut is not shown by this.
"""

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodeops.host import extents
from nodeops.logstore.intents import open_journal
from nodeops.logstore.recover import NOTHING, recover
from nodeops.logstore.seal import seal
from tests.filesystems.disks import LOGFLUSH, NOLOGFLUSH, Disk, child, disk, ended, fragmented, killed
from tests.filesystems.logs import STREAM, line, pieces
from tests.tiers import sizes, some

BLOCK = 4096
# Every block of the log is an extent of its own, so that taking some out takes many transactions.
BLOCKS = 1500
RECOVERED = ("taken out again", "had been taken out already", "finished")
CALLS = ("write", "pwrite", "fsync", "rename", "unlink")


JOURNAL = {"with its journal": LOGFLUSH, "without its journal": NOLOGFLUSH}
# Each filesystem and each kind of crash in every run; what is left of the matrix in `make test-long`.
CRASHES = pytest.mark.parametrize(
    ("loop", "journal"),
    some(
        [("ext4", "without its journal"), ("xfs", "with its journal")],
        [("ext4", "with its journal"), ("xfs", "without its journal")],
    ),
    indirect=["loop"],
)


@pytest.fixture
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk(request.param, tmp_path) as made:
        yield made


def lines(size: int, first: int) -> bytes:
    return b"".join(map(line, range(first, first + size // 34 + 1)))[:size]


def equal(size: int, first: int) -> bytes:
    return (b"the same line again and again" + b"." * 34 + b"\n") * (size // 64) + b"." * (size % 64)


def sealed_once(folder: Path, blocks: int) -> None:
    with open_journal(folder / ".journal", STREAM, folder) as journal:
        seal(folder.parent / "node.log", folder, journal, STREAM, blocks * BLOCK, time.time)


def prepared(loop: Disk, data: bytes) -> tuple[Path, Path]:
    """Write a log that is all on disk, in a folder of its own, with a journal."""
    sealed = loop.folder / "run" / "sealed"
    if sealed.parent.exists():
        shutil.rmtree(sealed.parent)
    sealed.mkdir(parents=True)
    live = sealed.parent / "node.log"
    fragmented(live, data, BLOCK)
    open_journal(sealed / ".journal", STREAM, sealed).close()
    os.sync()
    return live, sealed


def recovered(loop: Disk, live: Path, sealed: Path, data: bytes) -> str:
    """Mount again and recover; fail unless everything is there that was on disk, once and in order; return what was done."""
    loop.again()
    with open_journal(sealed / ".journal", STREAM, sealed) as journal:
        said = recover(live, sealed, journal)
        assert recover(live, sealed, journal) == NOTHING
    assert b"".join(pieces(live, sealed)) == data, said
    assert not list(sealed.glob(".*.tmp")), said
    sealed_once(sealed, 3)
    assert b"".join(pieces(live, sealed)) == data, said
    return said


@pytest.mark.parametrize("loop", ["ext4", "xfs"], indirect=True)
@pytest.mark.parametrize("content", [lines, equal])
@pytest.mark.parametrize("crashes", sizes(4, 20))
def test_a_crash_while_blocks_are_taken_out_loses_nothing(loop, content, crashes):
    """So many crashes, and in any case until one was in time for something to recover."""
    chance, found, times = random.Random(7), Counter[str](), [0.003]
    while found.total() < crashes or not any(found[done] for done in RECOVERED):
        assert found.total() < 100, found
        number = found.total()
        data = content(BLOCKS * BLOCK + chance.choice([0, 1, 777, BLOCK - 1]), number)
        live, sealed = prepared(loop, data)
        blocks = chance.choice([1, 100, BLOCKS // 2, BLOCKS - 100])
        delay = chance.uniform(0, 1.3) * sum(times[-5:]) / len(times[-5:])
        crash_during_collapse(loop, sealed, blocks, delay, times)
        said = recovered(loop, live, sealed, data)
        found[said.partition(":")[0]] += 1
    loop.umount()
    assert loop.fsck() == 0
    loop.mount()


def crash_during_collapse(loop: Disk, sealed: Path, blocks: int, delay: float, times: list[float]) -> None:
    """Let the filesystem crash so many seconds after the collapse of a cut began, while others write to its journal too."""
    began, took = os.pipe(), os.pipe()

    def work() -> None:
        real = extents.collapse

        def timed(*given: int) -> None:
            os.write(began[1], b"x")
            before = time.perf_counter()
            real(*given)
            os.write(took[1], b"%f" % (time.perf_counter() - before))

        extents.collapse = timed
        sealed_once(sealed, blocks)

    def crash() -> None:
        os.read(began[0], 1)
        until = time.perf_counter() + delay
        while time.perf_counter() < until:
            pass
        loop.crash(LOGFLUSH)

    noise = child(lambda: write_and_sync(loop.folder / "noise"))
    crasher, worker = child(crash), child(work)
    ended(crasher)
    ended(worker)
    killed(noise)
    os.close(took[1])
    with os.fdopen(took[0], "rb") as said:
        times.extend(float(text) for text in [said.read()] if text)
    for handle in began:
        os.close(handle)


def write_and_sync(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    while True:
        os.pwrite(handle, b"x", 0)
        os.fsync(handle)


def crash_before(loop: Disk, step: int, flag: int) -> Callable[[], None]:
    """Return work that seals and lets the filesystem crash before the call with that number; it ends with the crash."""

    def work() -> None:
        counted = [0]

        def counting(real: Callable[..., object]) -> Callable[..., object]:
            def call(*given: object, **named: object) -> object:
                if counted[0] == step:
                    loop.crash(flag)
                    os._exit(7)
                counted[0] += 1
                return real(*given, **named)

            return call

        for name in CALLS:
            setattr(os, name, counting(getattr(os, name)))
        extents.collapse = counting(extents.collapse)  # type: ignore[assignment]
        sealed_once(loop.folder / "run" / "sealed", 4)

    return work


@CRASHES
def test_a_crash_before_any_step_loses_nothing(loop, journal):
    for step in range(60):
        data = lines(9 * BLOCK + 55, step * 1000)
        live, sealed = prepared(loop, data)
        code = ended(child(crash_before(loop, step, JOURNAL[journal])))
        if code == 0:
            assert step > 12
            return
        assert code == 7
        recovered(loop, live, sealed, data)
    pytest.fail("more steps than expected")


@CRASHES
@pytest.mark.parametrize("crashes", sizes(3, 12))
def test_a_crash_under_a_writer_leaves_what_it_wrote_in_order(loop, journal, crashes):
    chance = random.Random(11)
    for number in range(crashes):
        crash_under_a_writer(loop, JOURNAL[journal], number, chance.uniform(0.02, 0.15))


def crash_under_a_writer(loop: Disk, flag: int, number: int, seconds: float) -> None:
    data = lines(300 * BLOCK, number)
    live, sealed = prepared(loop, data)
    more = lines(4 * BLOCK * 1000, 1_000_000)
    started = os.pipe()
    writer = child(lambda: append(live, more, started[1]))
    worker = child(lambda: [sealed_once(sealed, 20) for _ in range(1000)])
    os.read(started[0], 1)
    time.sleep(seconds)
    loop.crash(flag)
    killed(writer)
    killed(worker)
    for handle in started:
        os.close(handle)
    loop.again()
    with open_journal(sealed / ".journal", STREAM, sealed) as journal:
        said = recover(live, sealed, journal)
        assert journal.record.gaps_total == 0
    # ext4 alone, without any sealing, leaves zeros for bytes that were on their way to the disk: up to megabytes on a busy
    # machine. They may follow what is on disk for certain (the first lines, and all that was sealed), never stand in it.
    whole = b"".join(pieces(live, sealed))
    lines_left = whole.rstrip(b"\0")
    assert len(lines_left) >= max(len(data), len(whole) - live.stat().st_size), said
    assert (data + more).startswith(lines_left), said


def append(path: Path, data: bytes, started: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    for place in range(0, len(data), 100):
        os.write(handle, data[place : place + 100])
        if place == 10_000:
            os.write(started, b"x")

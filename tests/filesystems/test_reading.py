"""A log is read while it is flooded, its guard is killed again and again, and sealed parts are purged: no byte is wrong.

Lines are numbered and of one length, so what stands at any offset of the stream is known without looking.
"""

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.process import BaseProcess

import pytest

from nodeops.core.errors import HostError
from nodeops.logs.stream import LogStream
from nodeops.logstore import seal
from nodeops.logstore.intents import open_journal
from nodeops.logstore.naming import range_of
from tests.tiers import sizes
from tests.unit.logs.log_made import STREAM, MadeLog, made

LINE_BYTES = 120
CUT_BYTES = 1 << 20
# Four seconds of a flood, and twelve.
LINES = sizes(240_000, 720_000)
FORK = multiprocessing.get_context("fork")


def line(number: int) -> bytes:
    return b"%012d %s\n" % (number, b"0123456789abcdef" * 6 + b"0123456789")


def expected(start: int, length: int) -> bytes:
    """Return what stands at [start, start + length) of the stream."""
    first, last = start // LINE_BYTES, (start + length) // LINE_BYTES + 1
    whole = b"".join(map(line, range(first, last)))
    return whole[start - first * LINE_BYTES :][:length]


def writing(log: MadeLog, lines: int) -> None:
    """Write so many lines, about 60 000 a second."""
    handle, number, begun = os.open(log.files.live, os.O_WRONLY | os.O_APPEND), 0, time.monotonic()
    while number < lines:
        os.write(handle, b"".join(map(line, range(number, number + 60))))
        number += 60
        time.sleep(max(0.0, begun + number / 60_000 - time.monotonic()))


def guarding(log: MadeLog) -> None:
    with open_journal(log.files.journal, STREAM, log.files.sealed) as journal:
        while True:
            with suppress(HostError):
                if seal.seal(log.files.live, log.files.sealed, journal, STREAM, CUT_BYTES, time.time) is None:
                    time.sleep(0.005)


@pytest.fixture
def log(tmp_path) -> Iterator[MadeLog]:
    yield made(tmp_path)


def started(log: MadeLog, *works: object) -> list[BaseProcess]:
    processes: list[BaseProcess] = [FORK.Process(target=work, args=(log,)) for work in works]
    for process in processes:
        process.start()
    return processes


def dying(log: MadeLog) -> None:
    """Kill the guard at random moments and begin anew."""
    chance = random.Random(7)
    while True:
        [guard] = started(log, guarding)
        time.sleep(chance.uniform(0.01, 0.4))
        guard.kill()
        guard.join()


def end_all(processes: list[BaseProcess]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(os.getpgid(process.pid), 9) if os.getpgid(process.pid) != os.getpgid(0) else process.kill()
        process.join()


def apart(log: MadeLog) -> None:
    """Let the guards die in a process group of their own, so that the last one is ended too."""
    os.setpgid(0, 0)
    dying(log)


@pytest.mark.parametrize("lines", LINES)
def test_followers_see_every_line_once_whenever_the_guard_is_killed(log, lines):
    processes = started(log, partial(writing, lines=lines), apart)
    writer, seen = processes[0], 0
    try:
        with LogStream(log.files) as stream:
            for offset, data in stream.read(0):
                assert offset == seen
                assert data == expected(seen, len(data))
                seen += len(data)
                # Guards that are killed on a busy machine seal some of it only after all of it was written.
                sealed = len(list(log.files.sealed.iterdir()))
                if not data and not writer.is_alive() and seen == lines * LINE_BYTES and sealed > 5:
                    break
    finally:
        end_all(processes)
    with LogStream(log.files) as stream:
        assert stream.bounds()[2] == seen


@pytest.mark.parametrize("lines", LINES)
def test_any_part_read_at_any_time_is_what_was_written_or_is_said_to_be_purged(log, lines):
    processes = started(log, partial(writing, lines=lines), apart)
    chance, reads, gaps = random.Random(11), 0, 0
    said: list[str] = []
    try:
        with LogStream(log.files, said.append) as stream:
            while processes[0].is_alive() or reads < lines * LINE_BYTES // 4:
                first, _, end = stream.bounds()
                start = chance.randrange(first, end + 1)
                at = start
                for offset, data in stream.read(start, min(end, start + 3_000_000)):
                    assert offset == at or said
                    assert data == expected(offset, len(data))
                    at, reads = offset + len(data), reads + len(data)
                gaps, said[:] = gaps + len(said), []
                purge(log, chance)
    finally:
        end_all(processes)


def purge(log: MadeLog, chance: random.Random) -> None:
    """Remove the oldest segments, all but ten."""
    names = sorted(path.name for path in log.files.sealed.iterdir() if range_of(path.name))
    for name in names[: max(0, len(names) - 10)]:
        if chance.random() < 0.5:
            (log.files.sealed / name).unlink(missing_ok=True)

"""A writer of numbered lines, and the proof that every one of them is there once and in order."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from nodeops.logstore import segment
from nodeops.logstore.intents import open_journal
from nodeops.logstore.naming import Segment
from nodeops.logstore.seal import drain

STREAM = "node"
# The writer writes a line at a time, as a node does. It pauses each millisecond to keep its rate, and catches up when it was
# held up; it says how many lines it wrote and how long the longest write took.
WRITER = """
import os, signal, sys, time
path, rate = sys.argv[1], int(sys.argv[2])
fill = b"0123456789abcdefghijklmnopqrstuvwxyz" * 4
going = True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
number, longest, began = 0, 0.0, time.perf_counter()
print("writing", flush=True)
while going:
    before = time.perf_counter()
    due = number + 100 if rate == 0 else int((before - began) * rate)
    for number in range(number, due):
        line = b"%012d %b\\n" % (number, fill[: 20 + number % 101])
        if os.write(handle, line) != len(line):
            sys.exit("a short write")
    number = max(number + 1, due) if due > number else number
    longest = max(longest, time.perf_counter() - before)
    if rate:
        time.sleep(0.001)
print(number, longest, flush=True)
"""
_FILL = b"0123456789abcdefghijklmnopqrstuvwxyz" * 4


def line(number: int) -> bytes:
    """Return a line as the writer writes it."""
    return b"%012d %b\n" % (number, _FILL[: 20 + number % 101])


class Writer:
    """A process that appends numbered lines at a rate (lines a second; 0: as fast as it can)."""

    def __init__(self, path: Path, rate: int) -> None:
        words = [sys.executable, "-c", WRITER, str(path), str(rate)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "writing\n"

    def stop(self) -> int:
        """End it and return how many lines it wrote."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return int(said.split()[0])


@contextlib.contextmanager
def writing(path: Path, rate: int) -> Iterator[Writer]:
    writer = Writer(path, rate)
    try:
        yield writer
    finally:
        writer.process.kill()
        writer.process.wait()


def drained(live: Path, sealed: Path, keep_bytes: int) -> list[Segment]:
    """Drain a log once, as the guard does."""
    with open_journal(sealed / ".journal", STREAM, sealed) as journal:
        return list(drain(live, sealed, journal, STREAM, keep_bytes, time.time))


def pieces(live: Path, sealed: Path, end: int = 0) -> Iterator[bytes]:
    """Yield the whole stream from an offset: every segment, checked and without a gap, then the live log."""
    for path in sorted(sealed.glob("*.zst")):
        found = segment.check(path)
        assert found.start == end, f"a gap before {found.name}"
        end = found.end
        yield from segment.open_plain(path)
    with live.open("rb") as file:
        while data := file.read(1 << 20):
            yield data


def assert_lines(stream: Iterable[bytes], count: int) -> None:
    """Fail unless a stream is exactly the first `count` lines: none lost, none twice, in order."""
    number, rest = 0, b""
    for data in stream:
        rest += data
        whole = rest.rfind(b"\n") + 1
        first, number = number, number + rest.count(b"\n", 0, whole)
        assert rest[:whole] == b"".join(map(line, range(first, number))), f"lines {first} to {number} are not those written"
        rest = rest[whole:]
    assert (number, rest) == (count, b"")


def left_free(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bfree * facts.f_frsize


def filled(folder: Path, free: int) -> Path:
    """Fill a filesystem until only so many bytes are free; return the file that does it."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        while (more := left_free(folder) - free) > 0:
            try:
                os.posix_fallocate(file.fileno(), file.tell(), min(more, 64 << 20))
            except OSError:
                break
            file.seek(0, os.SEEK_END)
    os.sync()
    return filler

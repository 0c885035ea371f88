"""What nodes said, on the disk: a folder for each node, a file for each day (UTC, by this host's clock), each within its bound.

What is beyond the bound of a day is left out, not what was there before: whoever breaks into a node cannot push out the
lines of his coming by saying more. All of a node takes at most `days` times `bytes_a_day`.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from nodeops.core.printable import harmless

SUFFIX = ".log"
# Room for one line that says that others were left out.
_RESERVE = 200
_READABLE = 0o640


@dataclass(frozen=True)
class Bounds:
    """How many days of a node are kept, how large one may get, and how much the filesystem keeps free, in bytes."""

    days: int
    bytes_a_day: int
    min_free_bytes: int


@dataclass
class Today:
    """The open file of a node: its day, its size, and how many of its lines were left out since this process runs."""

    day: str
    file: int
    size: int
    left_out: int = 0
    last: float = field(default=0.0)
    marked: bool = False


class Store:
    """Keeps lines by node. `now` is the clock, in Unix seconds."""

    def __init__(self, folder: Path, bounds: Bounds, now: Callable[[], float]):
        self._folder, self._bounds, self._now = folder, bounds, now
        self.today: dict[str, Today] = {}
        self._left_out_before: Counter[str] = Counter()

    def add(self, node: str, messages: Iterable[bytes]) -> None:
        """Keep messages of a node; what has no room, or cannot be written, is left out and counted."""
        instant = datetime.fromtimestamp(self._now(), UTC)
        file, gone = self._file(node, f"{instant:%Y-%m-%d}")
        file.last = instant.timestamp()
        lines = [*([_line(instant, gone)] if gone else []), *(_line(instant, message) for message in messages)]
        kept = _fitting(lines, self._room(file))
        text = b"".join(lines[:kept])
        if kept < len(lines):
            if not file.marked:
                text += _mark(instant)
            file.marked = True
            file.left_out += len(lines) - kept
        self._write(file, text, kept)

    def left_out_ever(self, node: str) -> int:
        """Return how many lines of a node were left out since this process runs, on all days."""
        today = self.today.get(node)
        return self._left_out_before[node] + (today.left_out if today else 0)

    @property
    def day_bytes(self) -> int:
        """Return how much is kept of a node's day, in bytes."""
        return self._bounds.bytes_a_day

    def _room(self, file: Today) -> int:
        """Return how many bytes a file may still get, the line about what was left out aside."""
        seen = os.fstatvfs(file.file)
        free = seen.f_bavail * seen.f_frsize - self._bounds.min_free_bytes
        return min(self._bounds.bytes_a_day - file.size - _RESERVE, free)

    def _write(self, file: Today, text: bytes, lines: int) -> None:
        """Write what is within the bound, all of it or nothing."""
        if not text or file.size + len(text) > self._bounds.bytes_a_day:
            file.left_out += lines
            return
        try:
            written = os.write(file.file, text)
        except OSError:
            written = 0
        if written < len(text):
            file.left_out += lines
            with suppress(OSError):
                os.ftruncate(file.file, file.size)
        file.size = os.fstat(file.file).st_size

    def _file(self, node: str, day: str) -> tuple[Today, bytes]:
        """Return the file of a node and what somebody else took from it since the last look, in words: empty when nothing."""
        found, gone = self.today.get(node), b""
        if found is not None and found.day == day:
            there = self._bytes_there(found, node)
            if there is not None and there >= found.size:
                found.size = there
                return found, b""
            gone = b"nodeops: somebody took %d bytes of this day away" % (found.size - (there or 0))
        if found is not None:
            # Forgotten first: where the next one cannot be opened, a closed handle would be another file's.
            del self.today[node]
            os.close(found.file)
            self._left_out_before[node] += found.left_out
        found = self.today[node] = self._opened(node, day)
        # How many lines that were nobody can say.
        found.left_out += bool(gone)
        self.purge()
        return found, gone

    def _bytes_there(self, file: Today, node: str) -> int | None:
        """Return how large an open file is; None when it is no more where it belongs: removed, renamed or replaced."""
        own = os.fstat(file.file)
        try:
            there = os.lstat(self._folder / node / f"{file.day}{SUFFIX}")
        except OSError:
            return None
        return own.st_size if os.path.samestat(own, there) else None

    def _opened(self, node: str, day: str) -> Today:
        folder = self._folder / node
        # Who may read it follows from the folder above: its group is handed down.
        folder.mkdir(mode=0o750, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(folder / f"{day}{SUFFIX}", flags, _READABLE)
        return Today(day, file, os.fstat(file).st_size)

    def purge(self) -> None:
        """Remove the oldest days of every node, also of nodes that left: a clock that jumps takes no more than one, and where it
        went back, never the day that is written.
        """
        for folder in self._folder.iterdir():
            open_now = self.today.get(folder.name)
            days = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
            for old in days[: -self._bounds.days]:
                if open_now is None or old.stem != open_now.day:
                    old.unlink()


def _line(instant: datetime, message: bytes) -> bytes:
    """Return a message as one line, behind the time at which it came; what would steer a terminal is escaped."""
    # rsyslog ends a message with a line feed.
    text = harmless(message.removesuffix(b"\n").decode("utf-8", "backslashreplace")).replace("\n", "\\n")
    return f"{instant:%Y-%m-%dT%H:%M:%SZ} {text}\n".encode()


def _mark(instant: datetime) -> bytes:
    return _line(instant, b"nodeops: this day is full, or this host's disk: lines of the node are left out from here on")


def _fitting(lines: list[bytes], room: int) -> int:
    """Return how many lines fit, the first that does not being the end."""
    for number, line in enumerate(lines):
        room -= len(line)
        if room < 0:
            return number
    return len(lines)

"""A log, its segments and its journal in a folder; calls that fail or die on demand; files as an interrupted cut leaves them."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodeops.host import extents
from nodeops.logstore import segment
from nodeops.logstore.intents import Journal, Record, open_journal
from nodeops.logstore.recover import recover
from nodeops.logstore.seal import seal

BLOCK = 4096
STREAM = "node"
# All calls of the protocol that change something.
CALLS = ("write", "pwrite", "fsync", "rename", "unlink", "ftruncate", "fchmod")


def lines(size: int, first: int = 0) -> bytes:
    """Return that many bytes of numbered lines."""
    return b"".join(b"%08d a line of a log\n" % number for number in range(first, first + size // 20 + 1))[:size]


class Log:
    """A live log that is being sealed, and everything that ever was in it."""

    def __init__(self, folder: Path, written: bytes = lines(10 * BLOCK + 123)) -> None:
        self.live, self.sealed, self.written = folder / "node.log", folder / "sealed", written
        self.sealed.mkdir(parents=True)
        self.live.write_bytes(written)
        self.time = 1000.0

    def now(self) -> float:
        """Return a clock that goes on by a second each time."""
        self.time += 1
        return self.time

    def journal(self) -> Journal:
        return open_journal(self.sealed / ".journal", STREAM, self.sealed)

    def seal(self, blocks: int = 4) -> Any:
        with self.journal() as journal:
            return self.seal_with(journal, blocks)

    def seal_with(self, journal: Journal, blocks: int = 4) -> Any:
        return seal(self.live, self.sealed, journal, STREAM, blocks * BLOCK, self.now)

    def recover(self) -> str:
        with self.journal() as journal:
            return recover(self.live, self.sealed, journal)

    def append(self, data: bytes) -> None:
        with self.live.open("ab") as file:
            file.write(data)
        self.written += data

    @property
    def record(self) -> Record:
        with self.journal() as journal:
            return journal.record

    @property
    def names(self) -> set[str]:
        """Return what is in the sealed folder besides the journal."""
        return {path.name for path in self.sealed.iterdir()} - {".journal"}

    @property
    def stored(self) -> bytes:
        """Return the plain bytes of all segments in order, each checked, without a gap between them."""
        found = sorted((segment.check(self.sealed / name) for name in self.names), key=lambda one: one.start)
        assert [one.start for one in found[1:]] == [one.end for one in found[:-1]]
        return b"".join(b"".join(segment.open_plain(self.sealed / one.name)) for one in found)

    @property
    def whole(self) -> bytes:
        """Return the stream: what is sealed, then what is live."""
        return self.stored + (self.live.read_bytes() if self.live.exists() else b"")

    def interrupted(self, blocks: int = 4, record: Callable[[Record], Record] = lambda record: record) -> Record:
        """Leave a cut that died when its segment was sealed, and return its record."""
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            patch.setattr(extents, "collapse", die)
            self.seal(blocks)
        with self.journal() as journal:
            assert journal.record.state == "sealed"
            journal.write(record(journal.record))
            return journal.record


class Killed(BaseException):
    """This process is killed here: nothing that handles errors may see it."""


def die(*_: object) -> None:
    raise Killed


class Faults:
    """Counts the calls that change something. The one with the number `at` goes wrong: `how` says in which way.

    fail: it does not happen, the disk is full. fail after: it happens and says it did not. all fail: this one and all that
    follow. short: half of a write happens. die: the process is killed before it.
    """

    def __init__(self, at: int = -1, how: str = "") -> None:
        self.calls: list[str] = []
        self.at, self.how = at, how

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            how = self.how if number == self.at or (number > self.at >= 0 and self.how == "all fail") else ""
            if how == "die":
                raise Killed
            if how in ("fail", "all fail"):
                _full(name)
            if how == "short" and name in ("write", "pwrite"):
                return real(given[0], given[1][: -(-len(given[1]) // 2)], *given[2:])
            answer = real(*given, **named)
            if how == "fail after" and name in ("fsync", "collapse"):
                _full(name)
            return answer

        return call


def _full(name: str) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if name == "collapse":
        raise extents.failed(error, "cannot be taken out", name) from error
    raise error


@contextmanager
def faulty(at: int = -1, how: str = "") -> Iterator[Faults]:
    """Let one call in the block go wrong; none, without arguments."""
    faults = Faults(at, how)
    real_open = os.open
    creating = faults.wrapped("create", real_open)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, faults.wrapped(name, getattr(os, name)))
        patch.setattr(extents, "collapse", faults.wrapped("collapse", extents.collapse))
        patch.setattr(os, "open", lambda *a, **k: creating(*a, **k) if a[1] & os.O_CREAT else real_open(*a, **k))
        yield faults


def moved(log: Log, record: Record, kept: int) -> None:
    """Leave the log with what follows the cut moved down as far as its byte `kept`: a hole as long as the cut stands there."""
    data = log.written[record.start :]
    _written(log, [(0, data[record.cut : record.cut + kept]), (kept + record.cut, data[record.cut + kept :])])


def punched(log: Log, record: Record, left: int) -> None:
    """Leave the log with the end of its sealed head removed: only the first `left` bytes of it are there."""
    data = log.written[record.start :]
    _written(log, [(0, data[:left]), (record.cut, data[record.cut :])])


def unshortened(log: Log, record: Record) -> None:
    """Leave the log with everything moved and its old size."""
    data = log.written[record.start :]
    _written(log, [(0, data[record.cut :])])
    os.truncate(log.live, len(data))


def _written(log: Log, parts: list[tuple[int, bytes]]) -> None:
    os.truncate(log.live, 0)
    with log.live.open("r+b") as file:
        for place, data in parts:
            file.seek(place)
            file.write(data)
        file.flush()
        os.fsync(file.fileno())


def where_it_is(log: Log) -> Callable[[Record], Record]:
    """Return a change to a record that gives it the place where the log's first block lies now."""

    def change(record: Record) -> Record:
        with log.live.open("rb") as file:
            return replace(record, physical=extents.physical(file.fileno()))

    return change

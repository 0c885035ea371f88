"""The file of receipts: what was removed, why, and its digests. Only ever appended to, also when the disk is full.

A receipt is synced to the disk before the step that it allows. Space is kept ahead of the end of the file, so that the purge
that makes room can be written down while there is none.
"""

import contextlib
import errno
import fcntl
import io
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from nodeops.core.errors import HostError, NodeopsError, Refused
from nodeops.host.beneath import Gone, open_beneath, open_folder
from nodeops.host.reserve import reserve, reserved
from nodeops.receipts.chain import LONGEST_LINE, START, Head, Reader, Receipt, continued, read, receipt_of, settled

# About 1500 receipts, 750 removed segments: the first of them make room for all that follow.
RESERVE_BYTES = 1 << 20
MOST_INTENTS = 16
# Holds every intent that can still be open, and as many receipts that settle them, twice over.
_TAIL_BYTES = 4 * MOST_INTENTS * LONGEST_LINE
_WIDER = 8
_OTHERS_MAY_WRITE = 0o022
_MODE_HINT = "move it away and keep it as evidence: it is not as nodeops made it"


@dataclass
class Book:
    """The file of receipts, held by this process alone. Made by `opened`."""

    path: Path
    host: str
    handle: int
    reader: Reader = field(default_factory=Reader)

    def intend(self, intents: Sequence[Receipt]) -> list[Receipt]:
        """Write down what will be removed next: at most MOST_INTENTS, and only when all earlier ones are settled."""
        if self.reader.unsettled or len(intents) > MOST_INTENTS:
            raise Refused("earlier intents are not settled, or these are too many at once", where=str(self.path))
        return self.append(intents)

    def append(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Add receipts, synced; return them as written, with number, time and chain filled in.

        Raise HostError when that fails: then nothing may be removed.
        """
        written, data = continued(self.reader, receipts, self.host, time.time())
        if not data:
            return []
        try:
            _put(self.handle, data)
        except OSError as error:
            # A part may be there: it is looked at anew, so that the next receipt names what is torn.
            self.reader = _end(self.handle)
            raise HostError(f"cannot be written: {error.strerror}", str(self.path), hint="make room on its filesystem") from error
        _feed(self.reader, data)
        return written

    def top_up(self) -> bool:
        """Keep space for the receipts to come. Tell whether there is enough of it now."""
        return reserved(self.handle) >= RESERVE_BYTES // 2 or reserve(self.handle, RESERVE_BYTES)

    def settle(self) -> list[Receipt]:
        """Say of each open intent what became of it: its process was interrupted. Return the receipts written."""
        return self.append([_fate(intent) for intent in self.reader.unsettled.values()])


def _put(handle: int, data: bytes) -> None:
    if os.write(handle, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(handle)


def _feed(reader: Reader, data: bytes) -> None:
    for piece in _pieces(io.BytesIO(data)):
        reader.take(piece)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines with their newline; a line longer than any receipt in parts, so that no file takes more memory."""
    return iter(lambda: file.readline(LONGEST_LINE + 1), b"")


def _fate(intent: Receipt) -> Receipt:
    """Look whether an interrupted intent was carried out. A folder that is not there (not mounted) cannot tell."""
    try:
        folder = open_folder(Path(intent.folder))
    except NodeopsError as error:
        return settled(intent, "aborted", f"interrupted; whether the file is gone is not known: {error.what}")
    try:
        os.stat(intent.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        facts = os.fstatvfs(folder)
        return settled(intent, "done", "interrupted; the file was gone when looked at again", facts.f_bavail * facts.f_frsize)
    finally:
        os.close(folder)
    return settled(intent, "aborted", "interrupted; the file is still there")


@contextlib.contextmanager
def opened(path: Path, host: str) -> Iterator[Book]:
    """Hold the file of receipts while the block runs; it is made when it is missing.

    Raise Refused when another process holds it, or when it is a link, has other names or may be written by others; HostError
    when it cannot be opened.
    """
    folder = open_folder(path.parent)
    try:
        book = Book(path, host, _handle(folder, path))
    finally:
        os.close(folder)
    try:
        _require_ours(book)
        book.reader = _end(book.handle)
        book.top_up()
        yield book
    finally:
        os.close(book.handle)


def _handle(folder: int, path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_NONBLOCK
    try:
        return open_beneath(folder, path.name, flags)
    except Gone:
        handle = open_beneath(folder, path.name, flags | os.O_CREAT | os.O_EXCL)
        os.fsync(folder)
        return handle


def _require_ours(book: Book) -> None:
    facts = os.fstat(book.handle)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        raise Refused("is not a regular file with one name", where=str(book.path), hint=_MODE_HINT)
    if facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS_MAY_WRITE:
        raise Refused("belongs to another user or may be written by others", where=str(book.path), hint=_MODE_HINT)
    try:
        fcntl.flock(book.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused("another purge is at work", where=str(book.path), hint="wait until it has ended") from error


def _end(handle: int) -> Reader:
    """Return the reader of as much of a file's end as tells the head and the open intents."""
    size, length = os.fstat(handle).st_size, _TAIL_BYTES
    while True:
        reader = _tail(handle, size, length)
        if reader.head != START or length >= size:
            return reader
        length *= _WIDER


def _tail(handle: int, size: int, length: int) -> Reader:
    start = max(0, size - length)
    data = os.pread(handle, size - start, start)
    reader = Reader()
    _feed(reader, data if start == 0 else data.partition(b"\n")[2])
    return reader


def settle(path: Path, host: str) -> list[Receipt]:
    """Settle what an interrupted purge left open; called when the guard starts. Raise as `opened`."""
    with opened(path, host) as book:
        return book.settle()


def verify(path: Path) -> tuple[int, Head, list[str]]:
    """Return how many receipts there are, the last one's number and digest, and what is wrong; a missing file has none.

    Every line is read and compared with the next one's digest of it. Raise HostError when the file cannot be read.
    """
    with _reading(path) as file:
        reader = read(_pieces(file))
    return reader.head.sequence, reader.head, reader.problems


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, never a link; one that is missing is empty."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        handle = os.open(os.devnull, flags)
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path)) from error
    with os.fdopen(handle, "rb") as file:
        yield file


def head(path: Path) -> Head:
    """Return the last receipt's number and digest, for others to keep as evidence; number 0 where there is none yet."""
    with _reading(path) as file:
        return _end(file.fileno()).head


def receipts(path: Path) -> Iterator[Receipt]:
    """Yield every receipt in order; what is no receipt is left out, `verify` tells of it. Raise HostError as `verify`."""
    with _reading(path) as file:
        yield from (found for piece in _pieces(file) if (found := receipt_of(piece.removesuffix(b"\n"))) is not None)

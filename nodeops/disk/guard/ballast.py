"""Space that is taken while there is plenty and given back when there is none: two files on each filesystem.

They hold nothing: their space is allocated and never written. Each is min(1 %, 1 GiB) of its filesystem.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.host.beneath import Gone, open_beneath, open_folder
from nodeops.host.filesystem import Filesystem

# Given back from the last to the first.
NAMES = (".nodeops-ballast-1", ".nodeops-ballast-2")
LARGEST_BYTES = 1 << 30
_PERCENT = 1
_BLOCK_BYTES = 4096
# CockroachDB's rule: with less room than this the space would soon be needed again.
_ROOM_FACTOR = 4
_MODE = 0o600
_CHUNK_BYTES = 1 << 20
_HINT = "move it away: only nodeops' own ballast may have this name"
# Device, inode, size and time of change of files that hold only zeros. Where a copy of a host, or a filesystem that cannot take
# space without writing, has written the zeros out, reading them each second costs a tenth of a core.
_found_empty: set[tuple[int, ...]] = set()


def size_of(total: int, most_bytes: int = LARGEST_BYTES) -> int:
    """Return the bytes of one ballast file on a filesystem of `total` bytes: whole blocks; 0 on one too small for any."""
    return min(total * _PERCENT // 100, most_bytes) // _BLOCK_BYTES * _BLOCK_BYTES


def is_room(filesystem: Filesystem, missing: int, watch_percent: float) -> bool:
    """Tell whether `missing` bytes more may be taken: four times as much is free and the watch mark is not reached by it."""
    used = filesystem.total - filesystem.free + missing
    return filesystem.free >= _ROOM_FACTOR * missing and 100.0 * used < watch_percent * filesystem.total


def present(folder: Path) -> dict[str, int]:
    """Return the ballast files that are there, with the bytes each would give back. Raise as `release`.

    It is asked each second: a file that was found to be ours and has not changed since is not read again.
    """
    with _opened(folder) as handle:
        found = ((name, _allocated(handle, name, _found_empty)) for name in NAMES)
        return {name: size for name, size in found if size is not None}


def restore(folder: Path, filesystem: Filesystem, watch_percent: float, most_bytes: int = LARGEST_BYTES) -> int:
    """Make what is missing of the ballast, one file after another while there is room; return the bytes that were taken.

    Raise Refused when a file of that name is not ours, HostError when the space cannot be taken.
    """
    size, taken = size_of(filesystem.total, most_bytes), 0
    with _opened(folder) as handle:
        for name in NAMES:
            missing = size - (_allocated(handle, name) or 0)
            # Both files count, so that the second one does not take what the first one left as room.
            if missing > 0 and is_room(filesystem, taken + missing, watch_percent):
                _fill(handle, folder, name, size)
                taken += missing
    return taken


def release(folder: Path) -> int:
    """Give back one ballast file and return its bytes; 0 when none is left.

    Raise Refused when what has that name is a link, has another name too, is somebody else's or holds data: nothing is removed.
    """
    with _opened(folder) as handle:
        for name in reversed(NAMES):
            size = _allocated(handle, name)
            if size is not None:
                _unlink(handle, folder, name)
                return size
    return 0


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = open_folder(folder)
    try:
        yield handle
    finally:
        os.close(handle)


def _allocated(folder: int, name: str, found_empty: set[tuple[int, ...]] | None = None) -> int | None:
    """Return the bytes that a ballast file holds on the disk; None when it is not there. Raise Refused when it is not ours.

    What is in `found_empty` is not read; what is read and empty comes into it.
    """
    try:
        handle = open_beneath(folder, name, os.O_RDONLY | os.O_NONBLOCK)
    except Gone:
        return None
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or facts.st_uid != os.geteuid():
            raise Refused("is not a regular file of this user with one name", where=name, hint=_HINT)
        found_empty = set() if found_empty is None else found_empty
        mark = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_ctime_ns)
        if mark not in found_empty and not _is_empty(handle, facts.st_size):
            raise Refused("holds data", where=name, hint=_HINT)
        found_empty.add(mark)
        return facts.st_blocks * 512
    finally:
        os.close(handle)


def _is_empty(handle: int, size: int) -> bool:
    """Tell whether a file holds only zeros. Where space was never written the kernel knows it, so nothing is read there."""
    place = 0
    while place < size:
        try:
            place = os.lseek(handle, place, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return True
            raise HostError(f"cannot be looked at: {error.strerror}", where="ballast") from error
        data = os.pread(handle, _CHUNK_BYTES, place)
        if not data or data.strip(b"\0"):
            return not data
        place += len(data)
    return True


def _fill(folder: int, path: Path, name: str, size: int) -> None:
    """Take the space; a file that a crash left short is completed. What cannot be taken whole is given back."""
    handle = open_beneath(folder, name, os.O_RDWR | os.O_NONBLOCK | os.O_CREAT)
    try:
        os.fchmod(handle, _MODE)
        os.posix_fallocate(handle, 0, size)
        os.fsync(handle)
        os.fsync(folder)
    except OSError as error:
        os.unlink(name, dir_fd=folder)
        raise HostError(f"ballast cannot be made: {error.strerror}", where=str(path / name)) from error
    finally:
        os.close(handle)


def _unlink(folder: int, path: Path, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError as error:
        raise HostError(f"ballast cannot be given back: {error.strerror}", where=str(path / name)) from error

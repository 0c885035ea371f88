"""Where a file's bytes lie, its holes, and taking blocks out of it while others write to it. Lean: stdlib only.

Numbers are from linux/falloc.h, linux/fiemap.h, linux/fs.h and linux/stat.h of Linux 6.1; none has changed since it was made.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.core.printable import escaped
from nodeops.host.mounts import mount_of

_COLLAPSE_RANGE = 0x08
_FIEMAP = 0xC020660B
_FIEMAP_SYNC = 0x01
# start, length, flags, mapped, count, reserved; then one extent: logical, physical, length, two reserved, flags, three reserved.
_MAP, _EXTENT = struct.Struct("=QQIIII"), struct.Struct("=QQQQQIIII")
# Unknown, not placed yet, compressed, encrypted, not in a block of its own, inline, tail, shared with another place.
_NO_PLACE = 0x02 | 0x04 | 0x08 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000
_GETVERSION = 0x80087601
_STATX_BTIME, _AT_EMPTY_PATH, _STATX_BYTES, _STATX_BORN = 0x800, 0x1000, 256, 80
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EINVAL, errno.EPERM)
# fallocate(2): FALLOC_FL_COLLAPSE_RANGE works on these since Linux 3.15.
_COLLAPSING = ("ext4", "xfs")
_SCRATCH_BLOCKS = 3
_libc = ctypes.CDLL(None, use_errno=True)

Hole = tuple[int, int]


@dataclass(frozen=True)
class Identity:
    """Which file it is. The inode number is given to the next new file at once; `generation` tells the two apart (0: unknown)."""

    device: int
    inode: int
    generation: int

    def same_file(self, other: "Identity") -> bool:
        """Tell whether both are one file. Devices are numbered anew at a reboot, so they count only without a generation."""
        if self.inode != other.inode or self.generation != other.generation:
            return False
        return bool(self.generation) or self.device == other.device


def failed(error: OSError, what: str, where: object) -> HostError:
    """Return the error to raise `from error`: what could not be done, where, in the kernel's words."""
    return HostError(f"{what}: {error.strerror or error}", where=escaped(str(where)))


@contextlib.contextmanager
def told(what: str, where: object) -> Iterator[None]:
    """Turn the kernel's errors in the block into HostError; its cause is the kernel's error."""
    try:
        yield
    except OSError as error:
        raise failed(error, what, where) from error


def identity(handle: int) -> Identity:
    """Return which file an open file is. Raise HostError when the filesystem fails."""
    with told("cannot be asked about", f"handle {handle}"):
        facts = os.fstat(handle)
    answer = bytearray(8)
    try:
        fcntl.ioctl(handle, _GETVERSION, answer)
    except OSError:
        return Identity(facts.st_dev, facts.st_ino, 0)
    return Identity(facts.st_dev, facts.st_ino, int.from_bytes(answer[:4], "little"))


def born(handle: int) -> float:
    """Return when an open file was made, in Unix seconds; 0.0 where the filesystem does not know."""
    facts = ctypes.create_string_buffer(_STATX_BYTES)
    done = _libc.statx(handle, b"", _AT_EMPTY_PATH, _STATX_BTIME, facts)
    if done or not int.from_bytes(facts.raw[:4], "little") & _STATX_BTIME:
        return 0.0
    seconds, nanoseconds = struct.unpack_from("=qI", facts.raw, _STATX_BORN)
    return float(seconds) + float(nanoseconds) / 1e9


def collapse(handle: int, offset: int, length: int) -> None:
    """Take [offset, offset + length) out of a file; what follows moves down. Both are multiples of the block size.

    The end of the file must lie behind the range. A writer with O_APPEND goes on at the new end; one without leaves a hole.
    Not atomic over a crash of the filesystem. Raise HostError, caused by the kernel's error: EOPNOTSUPP where the filesystem
    cannot do it, EINVAL for a range it does not take.
    """
    begin, count = ctypes.c_int64(offset), ctypes.c_int64(length)
    if _libc.fallocate64(ctypes.c_int(handle), ctypes.c_int(_COLLAPSE_RANGE), begin, count):
        error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        raise failed(error, f"bytes {offset} to {offset + length} cannot be taken out", f"handle {handle}") from error


def holes(handle: int, most: int | None = None) -> list[Hole]:
    """Return the holes of a file as (first byte, byte after the last), in order; at most `most` of them.

    A hole that reaches the end of the file is one of them: only the end itself, where the kernel always reports a hole of no
    length, is not. Data not yet on disk is data, also in space that was only reserved. Raise HostError when the kernel cannot
    tell.
    """
    found: list[Hole] = []
    with told("its holes cannot be found", f"handle {handle}"):
        size, place = os.fstat(handle).st_size, 0
        while place < size and (most is None or len(found) < most):
            first = os.lseek(handle, place, os.SEEK_HOLE)
            if first >= size:
                break
            place = _next_data(handle, first, size)
            found.append((first, place))
    return found


def _next_data(handle: int, hole: int, size: int) -> int:
    try:
        return min(size, os.lseek(handle, hole, os.SEEK_DATA))
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        raise


def physical(handle: int, offset: int = 0) -> int | None:
    """Return where on the filesystem's device the byte at `offset` lies; data is written out first.

    None when the filesystem does not say it, when the byte lies in a hole, and when the place is no proof of anything: shared
    with another file or another offset (reflink, deduplication), compressed, or not a block of its own.
    """
    room = bytearray(_MAP.pack(offset, 1, _FIEMAP_SYNC, 0, 1, 0) + bytes(_EXTENT.size))
    try:
        fcntl.ioctl(handle, _FIEMAP, room)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return None
        raise failed(error, "its place on disk cannot be found", f"handle {handle}") from error
    if not _MAP.unpack_from(room)[3]:
        return None
    logical, place, length, _, _, flags, *_ = _EXTENT.unpack_from(room, _MAP.size)
    if flags & _NO_PLACE or not logical <= offset < logical + length:
        return None
    return int(place + offset - logical)


def block_bytes(handle: int) -> int:
    """Return the size of the filesystem's blocks, of which `collapse` takes whole ones. Raise HostError when it fails."""
    with told("its block size cannot be found", f"handle {handle}"):
        return os.fstatvfs(handle).f_bsize


def free_bytes(handle: int) -> int:
    """Return what may still be written to the filesystem of an open file or folder: for root, reserved blocks count.

    Raise HostError when the filesystem fails.
    """
    with told("its free space cannot be found", f"handle {handle}"):
        facts = os.fstatvfs(handle)
    return facts.f_frsize * (facts.f_bfree if os.geteuid() == 0 else facts.f_bavail)


def collapse_refusal(folder: Path) -> str:
    """Return why files in a folder cannot be collapsed, in words for a person; empty when it was tried and works.

    The scratch file has no name where the filesystem can do that, so nothing is left of it. A full disk has no room for a try:
    then its kind decides. Raise HostError when the file cannot be made or written for another reason: then nothing is known.
    """
    try:
        return _tried_on_scratch(folder)
    except HostError as error:
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT)
        if full and _kind(folder) in _COLLAPSING:
            return ""
        raise


def _kind(folder: Path) -> str:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return mount_of(handle).kind
    finally:
        os.close(handle)


def _tried_on_scratch(folder: Path) -> str:
    with told("a file to try it on cannot be made", folder):
        handle = _scratch(folder)
    try:
        with told("a file to try it on cannot be written", folder):
            block = block_bytes(handle)
            parts = [bytes([number]) * block for number in range(_SCRATCH_BLOCKS)]
            os.pwrite(handle, b"".join(parts), 0)
        return _tried(handle, block, parts)
    finally:
        os.close(handle)


def _scratch(folder: Path) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        return os.open(folder, flags | os.O_TMPFILE, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
            raise
    path = folder / f".{secrets.token_hex(8)}.scratch"
    handle = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    path.unlink()
    return handle


def _tried(handle: int, block: int, parts: list[bytes]) -> str:
    try:
        collapse(handle, 0, block)
    except HostError as error:
        return f"the filesystem does not take blocks out of files: {error.what.rpartition(': ')[2]}"
    if os.pread(handle, block * len(parts), 0) != b"".join(parts[1:]):
        return "the filesystem takes blocks out of files and what is left is not what was there"
    return ""

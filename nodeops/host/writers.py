"""Who writes to a file: open handles and shared mappings of all processes, and files deleted while held open. Lean: stdlib only.

Everything is read from /proc, so a process of another user is seen by root only, and handles that live in the kernel alone
(io_uring's registered files, a socket's queue) are not seen at all. `nobody_writes` asks the kernel itself.
"""

import contextlib
import errno
import fcntl
import os
import re
import signal
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nodeops.host.extents import failed

_PROC = Path("/proc")
_DELETED = " (deleted)"
_BLOCK = 512
# A line of /proc/PID/maps: addresses, rights, offset, device as major:minor in hexadecimal, inode.
_MAPPED_WRITING = re.compile(rb"^\S+ \Sw\Ss \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)", re.MULTILINE)
_NO_LEASES = (errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Writer:
    """A process that may write to a file: through a handle, or through memory (`handle_number` None; never appends)."""

    pid: int
    name: str
    handle_number: int | None
    append: bool

    @property
    def mapped(self) -> bool:
        """Tell whether it writes through memory, unseen by the file's end."""
        return self.handle_number is None


@dataclass(frozen=True)
class Deleted:
    """A file without a name that a process holds open. `bytes` is the disk space that comes back when it is let go."""

    pid: int
    name: str
    fd_path: str
    bytes: int
    path: str
    device: int
    inode: int


def writers(device: int, inode: int) -> list[Writer]:
    """Return who has an inode open for writing or mapped so, by process; the calling process is left out.

    `device` and `inode` are those of stat. Processes that end meanwhile are not there; nothing is raised. Takes tens of
    milliseconds on a busy host: for a choice now and then, not for every second.
    """
    found: list[Writer] = []
    for pid in _others():
        with contextlib.suppress(OSError):
            found.extend(_handles(pid, device, inode))
        with contextlib.suppress(OSError):
            found.extend(_mappings(pid, device, inode))
    return found


def _others() -> Iterator[int]:
    own = os.getpid()
    yield from (int(name) for name in os.listdir(_PROC) if name.isdecimal() and int(name) != own)  # noqa: PTH208 - half the time


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "comm").read_text(errors="replace").rstrip("\n")
    return "?"


def _read(path: str) -> bytes:
    """Return what a file of /proc says; thousands are read, so nothing is built around it."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while data := os.read(handle, 1 << 16):
            parts.append(data)
        return b"".join(parts)
    finally:
        os.close(handle)


def _handles(pid: int, device: int, inode: int) -> Iterator[Writer]:
    for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - names are all that is needed
        with contextlib.suppress(OSError):
            # Sockets, pipes and what else is no file have no path: most handles.
            if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("/"):  # noqa: PTH115 - as above
                continue
            flags = _flags(pid, number, inode)
            if flags & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR) and not flags & os.O_PATH:
                facts = os.stat(f"/proc/{pid}/fd/{number}")  # noqa: PTH116 - follows the handle, not a path
                if (facts.st_dev, facts.st_ino) == (device, inode):
                    yield Writer(pid, _name(pid), int(number), bool(flags & os.O_APPEND))


def _flags(pid: int, number: str, inode: int) -> int:
    """Return the flags of a handle; those of a handle that only reads when it is another inode.

    Since Linux 5.14 the inode stands there too. Asking the file itself may hang on a dead network filesystem.
    """
    fields = dict(line.split(b":", 1) for line in _read(f"/proc/{pid}/fdinfo/{number}").splitlines() if b":" in line)
    if int(fields.get(b"ino", inode)) != inode:
        return os.O_RDONLY
    return int(fields[b"flags"], 8)


def _mappings(pid: int, device: int, inode: int) -> Iterator[Writer]:
    text = _read(f"/proc/{pid}/maps")
    # The inode's number is in almost no map, so the pattern is almost never tried.
    if b" %d " % inode not in text:
        return
    for major, minor, number in _MAPPED_WRITING.findall(text):
        if int(number) == inode and os.makedev(int(major, 16), int(minor, 16)) == device:
            yield Writer(pid, _name(pid), None, append=False)
            return


def deleted_open(folder: str) -> list[Deleted]:
    """Return the deleted regular files that were below a folder and are held open by other processes, each once.

    `folder` is an absolute path as the kernel has it, without links. The process with a handle that writes is named before one
    that only reads: its handle is the one to open.
    """
    below = folder.rstrip("/") + "/"
    found: dict[tuple[int, int], Deleted] = {}
    for pid in _others():
        with contextlib.suppress(OSError):
            for one, writes in _deleted(pid, below):
                if writes or (one.device, one.inode) not in found:
                    found[one.device, one.inode] = one
    return list(found.values())


def _deleted(pid: int, below: str) -> Iterator[tuple[Deleted, bool]]:
    for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - names are all that is needed
        fd_path = f"/proc/{pid}/fd/{number}"
        with contextlib.suppress(OSError):
            path = os.readlink(fd_path)  # noqa: PTH115 - a path that does not exist any more
            if not (path.startswith(below) and path.endswith(_DELETED)):
                continue
            facts = os.stat(fd_path)  # noqa: PTH116 - follows the handle, not a path
            if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0:
                writes = _flags(pid, number, facts.st_ino) & os.O_ACCMODE != os.O_RDONLY
                size = facts.st_blocks * _BLOCK
                path = path.removesuffix(_DELETED)
                yield Deleted(pid, _name(pid), fd_path, size, path, facts.st_dev, facts.st_ino), writes


def nobody_writes(handle: int) -> bool:
    """Tell whether no process has this file open for writing or mapped so: the kernel grants a read lease only then.

    The handle must be open for reading only. The lease is given back at once, so this is the truth of one moment. Raise
    HostError where the filesystem has no leases or this process may not take one: then nobody knows.
    """
    granted = take_lease(handle)
    if granted:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return granted


def take_lease(handle: int) -> bool:
    """Ask for a read lease on a file open for reading only, and tell whether it was granted. It ends with the handle.

    While it is held, whoever opens the file for writing waits (/proc/sys/fs/lease-break-time, 45 s by default). Raise HostError
    where that cannot be asked.
    """
    try:
        # What the kernel sends when it wants a lease back. The default, SIGIO, would end this process; SIGURG is ignored.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return False
        raise failed(error, _lease_problem(error), f"handle {handle}") from error
    return True


def _lease_problem(error: OSError) -> str:
    if error.errno in _NO_LEASES:
        return "this filesystem cannot say whether somebody writes to a file"
    return "it cannot be asked whether somebody writes to this file"

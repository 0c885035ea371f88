"""Open what lies beneath a folder and nothing else: no symbolic link, no mount and no `..` leads out. Lean: stdlib only.

openat2 (Linux 5.6) keeps this inside the kernel, so there is no moment in which a name can be swapped. Where the kernel has
no openat2, or a seccomp filter forbids it, only single names are opened, with O_NOFOLLOW, and the mount is compared
afterwards: `kept_by_kernel` says which of the two is at work.
"""

import ctypes
import errno
import functools
import os
import stat
from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.core.printable import escaped
from nodeops.host.mounts import mount_id

# The number is the same on every architecture since Linux 5.1 unified them; the flags are from linux/openat2.h.
_OPENAT2 = 437
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_CREATED_MODE = 0o600
# What these errors mean here: a mount or a way out, a symbolic link, a tree that moves while it is walked.
_REFUSALS = (errno.EXDEV, errno.ELOOP, errno.EAGAIN)
_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    """`struct open_how` in its first version."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class Gone(HostError):  # noqa: N818 - the field's word
    """Nothing of this name is there."""


@functools.cache
def kept_by_kernel() -> bool:
    """Tell whether openat2 works here. A call without a structure is refused by it with EINVAL, by anything else otherwise."""
    done = _libc.syscall(ctypes.c_long(_OPENAT2), ctypes.c_int(-1), None, None, ctypes.c_size_t(0))
    return done == -1 and ctypes.get_errno() == errno.EINVAL


def open_beneath(folder_handle: int, name: str, flags: int) -> int:
    """Return a handle of what is called `name` in or below an open folder; the caller closes it. What is made gets 0600.

    Raise Refused when the way there is a symbolic link, another mount or leads out of the folder, Gone when nothing of this
    name is there, HostError with the kernel's words for everything else.
    """
    path = _bytes(name)
    try:
        if kept_by_kernel():
            return _openat2(folder_handle, path, flags | os.O_CLOEXEC)
        return _open_single(folder_handle, path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise _explained(error, name) from error


def _bytes(name: str) -> bytes:
    """Return a name as the kernel takes it. A zero byte would end it early: another file would be meant."""
    try:
        path = os.fsencode(name)
    except UnicodeEncodeError as error:
        raise Refused("is no name a file can have", where=escaped(name)) from error
    if b"\0" in path:
        raise Refused("is no name a file can have: it holds a zero byte", where=escaped(name))
    return path


def _openat2(folder: int, path: bytes, flags: int) -> int:
    mode = _CREATED_MODE if flags & os.O_CREAT else 0
    how = _How(flags, mode, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS | _NO_XDEV)
    while True:
        handle = _libc.syscall(
            ctypes.c_long(_OPENAT2), ctypes.c_int(folder), path, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
        )
        if handle >= 0:
            return int(handle)
        if ctypes.get_errno() != errno.EINTR:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _open_single(folder: int, path: bytes, flags: int) -> int:
    if b"/" in path or path in (b"", b".", b".."):
        raise Refused("only single names are opened here: the kernel has no openat2", where=escaped(os.fsdecode(path)))
    handle = os.open(path, flags, _CREATED_MODE, dir_fd=folder)
    try:
        _require_same_mount(handle, folder)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _require_same_mount(handle: int, folder: int) -> None:
    if stat.S_ISLNK(os.fstat(handle).st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if mount_id(handle) != mount_id(folder):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def _explained(error: OSError, name: str) -> HostError | Refused:
    where, said = escaped(name), f"cannot be opened: {error.strerror}"
    if error.errno in _REFUSALS:
        return Refused(f"{said}: a symbolic link, another mount or a way out of the folder", where=where)
    return Gone(said, where=where) if error.errno == errno.ENOENT else HostError(said, where=where)


def open_folder(path: Path) -> int:
    """Return a handle of a folder, reached from `/` without following any symbolic link; the caller closes it.

    Raise Refused when the path is not absolute, holds `..` or crosses a link, Gone when it is not there, HostError otherwise.
    """
    if not path.is_absolute() or ".." in path.parts:
        raise Refused("is not an absolute path without ..", where=escaped(str(path)))
    handle = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    steps = path.parts[1:]
    for number, step in enumerate(steps, 1):
        reach = os.O_RDONLY if number == len(steps) else os.O_PATH
        handle = _step(handle, step, reach, Path("/", *steps[:number]))
    return handle


def _step(folder: int, name: str, reach: int, path: Path) -> int:
    """Go one folder down and close the one above. A link is told apart from a file in the way by looking at it."""
    try:
        return os.open(_bytes(name), reach | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP) and stat.S_ISLNK(
            os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        ):
            raise Refused("is a symbolic link: folders are opened by their real path", where=escaped(str(path))) from error
        raise _explained(error, str(path)) from error
    finally:
        os.close(folder)

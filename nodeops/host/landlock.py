"""Give up, for good, the right to change files outside a few folders. Lean: stdlib only.

Landlock (Linux 5.13) binds root as well and cannot be taken back. What it does not hold: handles that were opened before,
and the mode, owner and times of files. Truncation is held from ABI 3 (Linux 6.2), device ioctls from ABI 5 (6.10).
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.host.beneath import open_folder

# The same on every architecture; the rest is from linux/landlock.h and linux/prctl.h.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
# The rights to change something, by the ABI that brought them: write_file, remove_dir, remove_file and make_char, _dir, _reg,
# _sock, _fifo, _block, _sym; then refer (rename or link into another folder); truncate; ioctl_dev. ABI 4 brought the network,
# 6 signals and abstract sockets, 7 audit: none of them changes a file.
_RIGHTS = {1: 0b1_1111_1111 << 4 | 0b10, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_ABSENT = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr` in its first version, which every later kernel takes."""

    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


# `struct landlock_path_beneath_attr`, which has no padding: the rights, and the handle of the folder.
_RULE = struct.Struct("=Qi")


def rights(abi: int) -> int:
    """Return every right to change files that a kernel with this ABI can take away, as bits."""
    return sum(bits for since, bits in _RIGHTS.items() if since <= abi)


def restrict(writable: Sequence[Path]) -> int:
    """Let this process, and all it starts, change, make, remove and truncate nothing outside these folders, from now on.

    Return Landlock's ABI: with 0 the kernel has none (or a seccomp filter hides it) and nothing is restricted. Only the calling
    thread and later ones are bound. Raise Refused for a folder behind a symbolic link, HostError when the kernel says no.
    """
    handles: list[int] = []
    try:
        handles.extend(open_folder(folder) for folder in writable)
        return restrict_to(handles)
    finally:
        for handle in handles:
            os.close(handle)


def restrict_to(writable: Iterable[int]) -> int:
    """Do the same as `restrict` for folders that are already open."""
    _call(_libc.prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    abi = version()
    if abi:
        ruleset = _Ruleset(rights(abi))
        handle = _syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), 0)
        try:
            for folder in writable:
                rule = ctypes.create_string_buffer(_RULE.pack(rights(abi), folder))
                _syscall(_ADD_RULE, handle, _PATH_BENEATH, rule, 0)
            _syscall(_RESTRICT_SELF, handle, 0)
        finally:
            os.close(handle)
    return abi


def version() -> int:
    """Return the ABI of Landlock in this kernel; 0 where there is none or a seccomp filter hides it."""
    abi = int(_libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION)))
    if abi < 0 and ctypes.get_errno() not in _ABSENT:
        raise _failed()
    return max(abi, 0)


def _syscall(number: int, *words: object) -> int:
    return _call(_libc.syscall, ctypes.c_long(number), *words)


def _call(function: "ctypes._NamedFuncPointer", *words: object) -> int:
    done = int(function(*words))
    if done < 0:
        raise _failed()
    return done


def _failed() -> HostError:
    return HostError(f"cannot restrict this process: {os.strerror(ctypes.get_errno())}", where="Landlock")

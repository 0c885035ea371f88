"""Keep disk space for a file beyond its end, so that it can grow when everything else is full. Lean: stdlib only."""

import ctypes
import errno
import os

from nodeops.core.errors import HostError

# linux/falloc.h: the blocks are the file's, its size stays.
_KEEP_SIZE = 1
_BLOCK = 512
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS)
_libc = ctypes.CDLL(None, use_errno=True)


def reserved(handle: int) -> int:
    """Return the bytes that an open file may still grow by without asking for space: its blocks minus its size."""
    facts = os.fstat(handle)
    return max(0, facts.st_blocks * _BLOCK - facts.st_size)


def reserve(handle: int, length: int) -> bool:
    """Keep `length` bytes beyond the end of an open file; its size and content stay. Tell whether that worked.

    It does not where there is no room or where the filesystem cannot do it. Raise HostError for everything else.
    """
    start = ctypes.c_int64(os.fstat(handle).st_size)
    if _libc.fallocate64(ctypes.c_int(handle), ctypes.c_int(_KEEP_SIZE), start, ctypes.c_int64(length)) == 0:
        return True
    number = ctypes.get_errno()
    if number in (*_NO_ROOM, *_UNSUPPORTED):
        return False
    raise HostError(f"space cannot be kept: {os.strerror(number)}", where="fallocate")

"""How much of a log is sealed at once: whole blocks, never up to the end, and never more than the disk has room for. Pure."""

import errno

# A cut is read, compressed and taken out in about half a second, and one that fails costs no more than that.
LARGEST_CUT_BYTES = 64 << 20
# Below this a cut that finds no room is not made smaller any more: what is missing is not the segment's own space.
SMALLEST_CUT_BLOCKS = 16
# A cut that did not fit is tried again at this part of its size: others write to the disk as well.
_SMALLER = 4
_FULL = (errno.ENOSPC, errno.EDQUOT)


def cut_bytes(size: int, most: int, block: int) -> int:
    """Return how many bytes of a file of this size to seal: blocks, not more than `most`, at least one byte stays. 0: none."""
    return max(0, min(most, size - 1) // block * block)


def room_bytes(free: int, block: int) -> int:
    """Return the largest cut for this much free space: half of it, so that bytes which do not compress still fit."""
    return min(LARGEST_CUT_BYTES, max(0, free) // 2 // block * block)


def smaller(cut: int, block: int) -> int:
    """Return the cut to try when one of this size found the disk full; 0 when it is no use to go on."""
    return cut // _SMALLER // block * block if cut > SMALLEST_CUT_BLOCKS * block else 0


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that a disk or a quota is full."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL

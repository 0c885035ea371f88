"""Fill the holes a crash left in a log, with the zeros they read as: a log with holes is not sealed.

Filesystems write out of order. After a power cut a file may have its full size while bytes in between never reached the disk.
They are lost and nobody can bring them back; but were the holes to stay, those of an interrupted cut could not be told apart.
"""

import os
from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.host import extents
from nodeops.host.extents import told
from nodeops.host.writers import nobody_writes
from nodeops.logstore.cut_steps import sync
from nodeops.logstore.segment import BUFFER_BYTES, read_range
from nodeops.logstore.source import Source, opened

# The kernel writes out what is older than 30 s (vm.dirty_expire_centisecs): a node that logs 8 MB/s has no more than this.
MOST_BYTES = 256 << 20


def mend(live: Path) -> int:
    """Fill the holes of a log that nobody writes, and return how many bytes that were: 0 when it has none.

    Run before the node starts, after `recover`. Its content stays as it reads. Raise Refused while somebody writes to it, and for
    a log with more holes than a crash leaves: that one is sparse by the doing of its writer. HostError when the disk is full;
    what was filled by then stays filled.
    """
    with opened(live, writing=False) as source:
        if not extents.holes(source.handle, 1):
            return 0
        if not nobody_writes(source.handle):
            raise Refused("somebody writes to it: its holes are filled before the node starts", where=source.where)
    with opened(live) as source:
        found = extents.holes(source.handle)
        total = sum(after - first for first, after in found)
        _require_few(source, total)
        for first, after in found:
            _fill(source, first, after)
        sync(source)
    return total


def _require_few(source: Source, total: int) -> None:
    if total > MOST_BYTES:
        raise Refused(f"has {total} bytes of holes: its writer does not append", source.where, allowed=f"{MOST_BYTES}")
    if total * 2 > extents.free_bytes(source.handle):
        raise HostError(f"there is no room to fill its holes of {total} bytes", source.where, hint="free some space first")


def _fill(source: Source, first: int, after: int) -> None:
    while first < after:
        piece = min(BUFFER_BYTES, after - first)
        if b"".join(read_range(source.handle, first, piece)).strip(b"\0"):
            raise HostError(f"has a hole at {first} that does not read as zeros", where=source.where)
        with told("cannot be written", source.where):
            first += os.pwrite(source.handle, bytes(piece), first)

"""Seal logs that are not live any more: files that were rotated away, and files deleted while a process still holds them."""

from collections.abc import Iterator
from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.disk.cut import Clock, seal_whole
from nodeops.disk.intents import Journal
from nodeops.disk.model import Segment
from nodeops.disk.recover import recover
from nodeops.disk.room import room_bytes
from nodeops.disk.seal import drained, require_own
from nodeops.disk.source import Source, folder_at, opened, opened_deleted
from nodeops.host import extents
from nodeops.host.extents import collapse_refusal
from nodeops.host.writers import Deleted, nobody_writes


def seal_closed(path: Path, sealed_folder: Path, journal: Journal, stream: str, now: Clock) -> Iterator[Segment]:
    """Seal all of a rotated file that nobody writes any more as the next bytes of its stream, then remove it.

    Files are given oldest first. A large one goes in pieces, each taken out of it, so that this works on a nearly full disk;
    where the filesystem cannot do that, it is one segment. Yield each segment when its bytes are out. Safe to kill and run
    again: a file is removed only after the last segment is on disk, and only if it still is what was sealed.
    Raise Refused while somebody writes to it, Unfinished when the stream has another file to finish before it, HostError when
    a step fails.
    """
    require_own(journal, stream)
    recover(path, sealed_folder, journal)
    if not path.exists():
        return
    _require_closed(path)
    with folder_at(sealed_folder) as folder:
        if not collapse_refusal(path.parent):
            with opened(path) as source:
                keep = room_bytes(extents.free_bytes(folder), extents.block_bytes(folder))
                yield from drained(source, folder, journal, keep, now)
        with opened(path, writing=False) as source:
            last = seal_whole(source, folder, journal, now)
        if last is not None:
            yield last


def _require_closed(path: Path) -> None:
    with opened(path, writing=False) as source:
        if not nobody_writes(source.handle):
            raise Refused("somebody still writes to it", where=source.where, hint="wait until its writer has opened the new log")


def drain_deleted(deleted: Deleted, sealed_folder: Path, journal: Journal, stream: str, now: Clock) -> Iterator[Segment]:
    """Seal a deleted log that a process still writes to, down to its last block, so that its space comes back.

    What it appends later is sealed by another call. Its last bytes end with its last handle: hold one with `opened_deleted`
    (writing=False) and call `finish_deleted`. Raise Gone when the process has closed it, otherwise what `seal` raises.
    """
    require_own(journal, stream)
    recover(Path(deleted.path), sealed_folder, journal)
    with opened_deleted(deleted) as source, folder_at(sealed_folder) as folder:
        yield from drained(source, folder, journal, 0, now)


def finish_deleted(source: Source, sealed_folder: Path, journal: Journal, stream: str, now: Clock) -> Iterator[Segment]:
    """Seal what is left of a deleted log when nobody writes to it any more; nothing is done while somebody does.

    `source` is held open for reading only. The stream goes on with the next file that is sealed.
    """
    require_own(journal, stream)
    recover(Path(source.where), sealed_folder, journal)
    if nobody_writes(source.handle):
        with folder_at(sealed_folder) as folder:
            last = seal_whole(source, folder, journal, now)
        if last is not None:
            yield last

"""Seal the head of a live log into segments while its writer goes on: no byte is lost, whatever happens in between."""

import errno
from collections.abc import Iterator
from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.host import extents
from nodeops.host.extents import collapse_refusal
from nodeops.host.writers import Deleted, nobody_writes
from nodeops.logstore.cut import LARGEST_CUT_BYTES, Clock, Unfinished, cut_off, followed, is_full, room_bytes, seal_whole, smaller
from nodeops.logstore.intents import Journal
from nodeops.logstore.naming import Segment
from nodeops.logstore.recover import recover
from nodeops.logstore.source import Source, folder_at, opened, opened_deleted

__all__ = ["LARGEST_CUT_BYTES", "Unfinished", "drain", "drained", "observe", "recover", "require_own", "seal"]


def seal(live: Path, sealed_folder: Path, journal: Journal, stream: str, most_bytes: int, now: Clock) -> Segment | None:
    """Seal one cut of at most `most_bytes` from the head of a live log, and return its segment.

    The log's writers must append (nodeops.logstore.method tells); `sealed_folder` is on the same filesystem. `now` gives Unix
    seconds. What an earlier run left half done is finished first. None when there is less than a block to seal.
    Raise Unfinished when the file that was the log before still has bytes, Refused for a log that is a link, has holes or
    other names, HostError when a step fails: everything is then as it was, or `recover` goes on from the journal.
    """
    require_own(journal, stream)
    recover(live, sealed_folder, journal)
    with opened(live) as source, folder_at(sealed_folder) as folder:
        return cut_off(source, folder, journal, most_bytes, now)


def drain(live: Path, sealed_folder: Path, journal: Journal, stream: str, keep_bytes: int, now: Clock) -> Iterator[Segment]:
    """Seal cut after cut until at most `keep_bytes` (or a block) of what is there now are left; yield each segment.

    What is written meanwhile is for the next time: who chases a quick writer makes a thousand small segments.

    Works on a nearly full disk: a cut is never larger than half of what is free, and one that finds no room all the same is
    tried again smaller. The caller may stop at any time. Raises what `seal` raises.
    """
    require_own(journal, stream)
    recover(live, sealed_folder, journal)
    with opened(live) as source, folder_at(sealed_folder) as folder:
        yield from drained(source, folder, journal, keep_bytes, now)


def drained(source: Source, folder: int, journal: Journal, keep_bytes: int, now: Clock) -> Iterator[Segment]:
    """Do the same with open handles. A log that is renamed meanwhile is drained to its end under its new name."""
    block, limit = extents.block_bytes(source.handle), LARGEST_CUT_BYTES
    left = source.size
    while left > max(keep_bytes, block):
        cut = min(limit, left, _room(folder, block))
        try:
            made = cut_off(source, folder, journal, cut, now)
        except HostError as error:
            limit = smaller(cut, block) if is_full(error) else 0
            if not limit:
                raise
            continue
        limit = min(LARGEST_CUT_BYTES, limit * 2)
        if made is None:
            return
        left -= made.end - made.start
        yield made


def _room(folder: int, block: int) -> int:
    room = room_bytes(extents.free_bytes(folder), block)
    if not room:
        hint = "free a few blocks: release the ballast"
        raise HostError("no room to compress a single block", where="sealed", hint=hint) from OSError(errno.ENOSPC, "full")
    return room


def observe(live: Path, journal: Journal, stream: str, now: Clock, *, alone: bool = False) -> None:
    """Look at a live log between cuts, so that a log that was replaced or shortened is noticed and times are known closely.

    Costs microseconds; the disk is written to only when something was noticed. Nothing happens while a cut is under way, and
    while it is not known which file comes next: that may be a rotated one, so only sealing says it. `alone`: nobody rotates
    this log, so none but the live one comes next, and it is known from its first byte on.
    Raise Unfinished as `seal` does, Gone when there is no log.
    """
    require_own(journal, stream)
    if journal.record.state != "idle" or (journal.record.identity is None and not alone):
        return
    with opened(live, writing=False) as source:
        before, after = journal.record, followed(source, journal, now())
    if (after.base, after.inode, after.generation) != (before.base, before.inode, before.generation):
        journal.write(after)
    else:
        journal.note(after)


def require_own(journal: Journal, stream: str) -> None:
    """Raise HostError when a journal is that of another stream."""
    if journal.record.stream != stream:
        raise HostError(f"the journal of {journal.record.stream} is not the one to use", where=stream)


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

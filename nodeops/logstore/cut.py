"""One cut of an open log: intent -> segment written, on disk, named -> sealed -> blocks taken out -> done.

Each is on disk before the next begins. The stream goes on where the log's byte 0 stands in the journal. When the log is another
file than before, or shorter than it was, bytes are missing that nobody can count: the stream then goes on behind what was last
known of the old file, and the journal has a gap there. So offsets stay in order, the loss is seen, and nothing pretends to be
whole.
"""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nodeops.core.errors import HostError, NodeopsError, Refused
from nodeops.host import extents
from nodeops.host.extents import born, told
from nodeops.logstore import segment
from nodeops.logstore.cut_steps import exists, give_up, remove_still, remove_whole, same_place, sync, take_out, unlinked
from nodeops.logstore.intents import Gap, Journal, Record
from nodeops.logstore.marks import Mark, enclosed, marked
from nodeops.logstore.naming import Segment
from nodeops.logstore.recover import settle
from nodeops.logstore.segment import Label
from nodeops.logstore.source import Source, where_is

# A cut is read, compressed and taken out in about half a second, and one that fails costs no more than that.
LARGEST_CUT_BYTES = 64 << 20
# Below this a cut that finds no room is not made smaller any more: what is missing is not the segment's own space.
SMALLEST_CUT_BLOCKS = 16
# A cut that did not fit is tried again at this part of its size: others write to the disk as well.
_SMALLER = 4
_FULL = (errno.ENOSPC, errno.EDQUOT)

Clock = Callable[[], float]


class Unfinished(Refused):
    """The file before this one, which `where` names, still has bytes of the stream: they come first."""


def followed(source: Source, journal: Journal, now: float) -> Record:
    """Return the journal's record brought up to what the log is now: the same file, the next one, or one after a gap.

    Raise Unfinished when the file before it is still there: renamed, or deleted and held open.
    """
    record, size = journal.record, source.size
    known = record.identity
    if known is not None and not known.same_file(source.identity):
        place = where_is(Path(source.where), record)
        if place is not None:
            where = str(place) if isinstance(place, Path) else place.fd_path
            raise Unfinished("belongs before this log and is not sealed to its end", where=where)
        record = _with_gap(record, "replaced", now)
    elif known is not None and size < record.size:
        record = _with_gap(record, "shortened", now)
    if record.base != journal.record.base or known is None:
        record = replace(record, marks=_since_birth(record, source, now))
    marks = marked(record.marks, record.base, Mark(now, record.base + size))
    one, path = source.identity, source.where if source.named else ""
    return replace(record, size=size, marks=marks, path=path, device=one.device, inode=one.inode, generation=one.generation)


def _with_gap(record: Record, reason: str, now: float) -> Record:
    """Return a record after bytes were lost: the stream goes on behind what was last known of the old file."""
    end = record.base + record.size
    gaps = (*record.gaps, Gap(record.base, end, round(now, 3), reason))
    return replace(record, base=end, gaps=gaps, gaps_total=record.gaps_total + 1)


def _since_birth(record: Record, source: Source, now: float) -> tuple[Mark, ...]:
    """Return the marks with one for the birth of a file, unless the stream was looked at after that or the clock was set back."""
    birth = born(source.handle)
    if not max((one.at for one in record.marks), default=0.0) < birth <= now:
        return tuple(record.marks)
    return marked(record.marks, record.base, Mark(birth, record.base))


def cut_off(source: Source, folder: int, journal: Journal, most_bytes: int, now: Clock) -> Segment | None:
    """Seal at most `most_bytes` of the head of an open log into an open folder, and take them out of the log.

    None when there is less than a block to take, at least one byte always stays. Raise Refused for a log with holes, HostError
    when a step fails: as long as the head was not taken out, everything is then as it was; if that had begun, it is finished
    and the segment is returned, or the journal says `sealed` and `recover` must look at it.
    """
    record = followed(source, journal, now())
    cut = cut_bytes(record.size, most_bytes, extents.block_bytes(source.handle))
    if not cut:
        journal.note(record)
        return None
    return _carried_out(source, folder, journal, replace(record, cut=cut), now)


def seal_whole(source: Source, folder: int, journal: Journal, now: Clock) -> Segment | None:
    """Seal all that is left of a file nobody writes, and remove the file; None when it was empty.

    The source is open for reading only. Raise Refused for one with holes and when somebody writes to it meanwhile, HostError
    when a step fails: everything is then as it was.
    """
    record = followed(source, journal, now())
    if record.size:
        return _carried_out(source, folder, journal, replace(record, cut=record.size, whole=True), now)
    # The journal comes first: an empty file that is still there is only finished once more.
    journal.write(replace(record, device=0, inode=0, generation=0, path=""))
    remove_still(source, 0, _changed(source))
    return None


def _carried_out(source: Source, folder: int, journal: Journal, record: Record, now: Clock) -> Segment:
    if extents.holes(source.handle, 1):
        hint = "if a crash left them, they are filled before the node starts; otherwise its writer must open it with O_APPEND"
        raise Refused("has holes, and after a crash those could not be told from ours", where=source.where, hint=hint)
    # Now what the intent says of size and place is also what a crash would leave.
    sync(source)
    label = Label(record.stream, record.base, record.base + record.cut, *_times(record, now()))
    _require_free(folder, label)
    place = None if record.whole else extents.physical(source.handle)
    intent = replace(record, state="intent", start=record.base, segment=label.name, plain="", physical=place)
    changed = _changed(source)
    made = _sealed(source, folder, journal, intent, label)
    _removed(source, folder, journal, changed)
    return made


def _times(record: Record, now: float) -> tuple[float, float]:
    return enclosed(record.marks, record.base, record.base + record.cut, now)


def _changed(source: Source) -> int:
    with told("cannot be asked about", source.where):
        return os.fstat(source.handle).st_mtime_ns


def _require_free(folder: int, label: Label) -> None:
    """Raise HostError when the segment is there already; what an unknown run left of it under the temporary name goes."""
    if exists(folder, label.name):
        raise HostError("is there already, and the journal does not know it", label.name, hint="look whose it is; move it away")
    with told("cannot be removed", label.temporary), suppress(FileNotFoundError):
        os.unlink(label.temporary, dir_fd=folder)


def _sealed(source: Source, folder: int, journal: Journal, intent: Record, label: Label) -> Segment:
    """Write the segment and declare it good; when that fails everything is as it was, and the error is raised."""
    before = journal.record
    try:
        journal.write(intent)
        made = segment.write(folder, source.handle, label)
        journal.write(replace(journal.record, state="sealed", plain=made.plain))
    except NodeopsError:
        if journal.record is not before:
            give_up(folder, journal)
        else:
            # The intent may have reached the disk all the same. It would do no harm there, but it is not true.
            with suppress(NodeopsError):
                journal.write(before)
        raise
    return made


def _removed(source: Source, folder: int, journal: Journal, changed: int) -> None:
    record = journal.record
    try:
        if record.whole:
            remove_whole(source, folder, journal, changed)
        else:
            take_out(source, folder, journal)
    except NodeopsError:
        if journal.record.state == "idle" or (not record.whole and same_place(source, record) is None):
            raise
        # It had begun, so it can only go forward.
        settle(None if unlinked(source) else source, folder, journal)


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

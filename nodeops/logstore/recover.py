"""Finish or give up what a killed process or a crash left half done, so that no byte is lost and none is there twice.

COLLAPSE_RANGE is not atomic over a crash of the filesystem: the head may be partly removed, and what follows partly moved.
Then the file has one hole, and its place and length say how far it came. Whatever is not understood is left alone. Holes that
the crash itself left in bytes which never reached the disk are not ours; nodeops.logstore.holes fills them.
May be killed anywhere itself, and run again. The writer must not run before this did: what it appends behind a hole at the
end of the file cannot be told from what the crash left.
"""

import os
from collections.abc import Callable
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.host import extents
from nodeops.host.extents import told
from nodeops.logstore import segment
from nodeops.logstore.cut_steps import (
    done,
    exists,
    give_up,
    head_sha256,
    holes_of_ours,
    proved_whole,
    remove_whole,
    same_place,
    sync,
    take_out,
    whole_segment,
)
from nodeops.logstore.intents import Journal, Record
from nodeops.logstore.source import Source, folder_at, found_again

NOTHING = "nothing was under way"
_HINT = (
    "nothing was touched. Keep copies of the log, of the journal and of the segment; if the segment is whole (zstd -t) and the"
    " log does not begin with it, move the journal away: the stream goes on at the segment's end"
)


def recover(live: Path, sealed_folder: Path, journal: Journal) -> str:
    """Bring a log's stream to rest, and return what was done, in words for a person.

    Raise HostError when what is found cannot be explained: then nothing was touched, and nothing may be before a person looked.
    """
    record = journal.record
    if record.state == "idle":
        return NOTHING
    with folder_at(sealed_folder) as folder, found_again(live, record) as source:
        return settle(source, folder, journal)


def settle(source: Source | None, folder: int, journal: Journal) -> str:
    """Do the same with open handles. A source of None says that the log is nowhere any more."""
    if journal.record.state == "idle":
        return NOTHING
    if journal.record.state == "intent":
        return _unsealed(source, folder, journal)
    if source is None:
        return _gone(folder, journal)
    if journal.record.whole:
        return _finished_file(source, folder, journal)
    return _sealed(source, folder, journal)


def _unsealed(source: Source | None, folder: int, journal: Journal) -> str:
    """The segment was not declared good yet, so the log was not touched. What there is of the segment goes."""
    record = journal.record
    if exists(folder, record.segment):
        if source is None:
            return _gone(folder, journal)
        if not _looks_untouched(source, folder, record):
            raise _unknown(source, "the segment is complete, but not recorded as sealed, and the log's head has changed")
    give_up(folder, journal)
    return f"given up: {record.segment} was not complete; the log is untouched"


def _looks_untouched(source: Source, folder: int, record: Record) -> bool:
    """Tell whether the head still stands. This guards against a journal whose newest slot went bad after it was written."""
    if record.whole:
        return source.size >= record.cut
    if holes_of_ours(source, record.size) or source.size < record.size:
        return False
    same = same_place(source, record)
    if same is not None:
        return same
    with segment.opened(folder, record.segment) as handle:
        return segment.describe_open(handle, record.segment).plain == head_sha256(source, record.cut)


def _gone(folder: int, journal: Journal) -> str:
    """The log is nowhere: the segment is all there is of these bytes."""
    record = journal.record
    _require_segment(folder, record)
    done(None, journal)
    return f"kept: {record.segment} is whole" + ("" if record.whole else "; the log it came from is gone")


def _require_segment(folder: int, record: Record) -> None:
    if not whole_segment(folder, record):
        raise HostError("is missing or damaged, and the log does not hold its bytes any more", record.segment, hint=_HINT)


def _sealed(source: Source, folder: int, journal: Journal) -> str:
    record = journal.record
    found, same = extents.holes(source.handle), same_place(source, record)
    if same and not holes_of_ours(source, record.size):
        return _untouched(source, folder, journal)
    _require_segment(folder, record)
    if len(found) == 1 and (how := _closing(source, folder, record, found[0])):
        return _finished(source, journal, how)
    if same or not all(_is_of_the_crash(source, record, hole) for hole in found):
        raise _unknown(source, f"it has holes at {found[:3]}, the cut is {record.cut}")
    return _taken_out(source, journal)


def _is_of_the_crash(source: Source, record: Record, hole: extents.Hole) -> bool:
    """Tell whether a hole in a log whose head is out may be one of bytes that never reached the disk.

    Not one before what was on disk when the cut began, and not what a writer leaves that ran before the end was set.
    """
    first, after = hole
    return first >= record.size - record.cut and after - first != record.cut - extents.block_bytes(source.handle)


def _untouched(source: Source, folder: int, journal: Journal) -> str:
    """No hole, and the first block lies where it lay: the collapse has not begun."""
    record = journal.record
    if not proved_whole(source, record):
        raise _unknown(source, "its first block is where it was, and yet it does not begin with the sealed bytes")
    if not whole_segment(folder, record):
        give_up(folder, journal)
        return f"given up: {record.segment} is missing or damaged; the log still holds its bytes"
    take_out(source, folder, journal)
    return f"taken out again: {record.cut} bytes that {record.segment} holds"


def _taken_out(source: Source, journal: Journal) -> str:
    """No hole of ours, and another block is the first, or nobody knows: nothing is removed, so at worst bytes are there twice."""
    record = journal.record
    text = f"had been taken out already: {record.cut} bytes that {record.segment} holds"
    if source.size < record.size - record.cut:
        done(None, journal)
        return f"{text}; since then somebody has shortened the log to {source.size} bytes"
    twice = source.size >= record.size and head_sha256(source, record.cut) == record.plain
    sync(source)
    done(source, journal)
    return (
        f"{text}; the log begins with equal bytes: if its blocks were moved meanwhile, these are there twice" if twice else text
    )


def _closing(source: Source, folder: int, record: Record, hole: extents.Hole) -> Callable[[], str] | None:
    """Return how to close the one hole so that exactly what follows the cut is left; None when it is not one of ours."""
    (first, after), size = hole, source.size
    if after - first == record.cut and after < size:
        return lambda: _collapsed(source, first, record.cut, f"the hole at {first} closed")
    if 0 < first < after == record.cut < size and _begins_with_segment(source, folder, record, first):
        return lambda: _collapsed(source, 0, record.cut, f"the other {first} bytes taken out")
    if after == size and _only_the_end_is_left(source, record, first):
        return lambda: _shortened(source, size - record.cut)
    return None


def _collapsed(source: Source, first: int, length: int, how: str) -> str:
    extents.collapse(source.handle, first, length)
    return how


def _shortened(source: Source, size: int) -> str:
    with told("cannot be shortened", source.where):
        os.ftruncate(source.handle, size)
    return "its end set"


def _finished(source: Source, journal: Journal, closing: Callable[[], str]) -> str:
    name, how = journal.record.segment, closing()
    sync(source)
    done(source, journal)
    return f"finished: {name} was half taken out; {how}"


def _begins_with_segment(source: Source, folder: int, record: Record, length: int) -> bool:
    """Tell whether the first bytes of the log are those of the segment: only then they may go."""
    place = 0
    with segment.opened(folder, record.segment) as handle:
        for data in segment.plain_open(handle, record.segment):
            wanted = data[: length - place]
            if b"".join(segment.read_range(source.handle, place, len(wanted))) != wanted:
                return False
            place += len(wanted)
            if place == length:
                return True
    return False


def _only_the_end_is_left(source: Source, record: Record, hole: int) -> bool:
    """Tell whether all has moved and only the size is the old one: zeros from there on, in the last block and in the hole."""
    block, end = extents.block_bytes(source.handle), source.size - record.cut
    if not 0 < end <= hole < end + block or hole % block:
        return False
    return not b"".join(segment.read_range(source.handle, end, hole - end)).strip(b"\0")


def _finished_file(source: Source, folder: int, journal: Journal) -> str:
    """A file nobody writes, sealed to its end: it goes if it is still what was sealed."""
    record = journal.record
    same = source.size == record.cut and head_sha256(source, record.cut) == record.plain
    if not same or not whole_segment(folder, record):
        give_up(folder, journal)
        return f"given up: {source.where} is not what {record.segment} holds; it is untouched"
    with told("cannot be asked about", source.where):
        changed = os.fstat(source.handle).st_mtime_ns
    remove_whole(source, folder, journal, changed)
    return f"removed: {source.where}, which {record.segment} holds"


def _unknown(source: Source, what: str) -> HostError:
    return HostError(f"a cut was interrupted and it is not clear how far it came: {what}", where=source.where, hint=_HINT)

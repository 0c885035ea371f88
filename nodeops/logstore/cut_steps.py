"""The steps of one cut that both sealing and recovery take: give up, take the head out, remove a finished file, be done."""

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nodeops.core.errors import HostError, NodeopsError, Refused
from nodeops.host import extents
from nodeops.host.beneath import Gone
from nodeops.host.extents import told
from nodeops.host.writers import take_lease
from nodeops.logstore import segment
from nodeops.logstore.intents import Journal, Record
from nodeops.logstore.naming import temporary_name
from nodeops.logstore.source import Source, folder_of


def give_up(folder: int, journal: Journal) -> None:
    """Make everything as it was before the cut: segment and temporary file go, the journal is idle. The log is not touched.

    Only for a log whose head is known to be whole. The journal forgets that the segment was sealed before the segment goes.
    """
    record = journal.record
    if record.state == "sealed" or exists(folder, record.segment):
        journal.write(replace(record, state="intent", plain=""))
    with told("cannot be removed", record.segment):
        for name in (temporary_name(record.segment), record.segment):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    journal.write(_idle(record))


def exists(folder: int, name: str) -> bool:
    """Tell whether an open folder has something of this name."""
    with told("cannot be asked about", name):
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
    return True


def _idle(record: Record) -> Record:
    return replace(record, state="idle", start=0, cut=0, segment="", plain="", physical=None, whole=False)


def done(source: Source | None, journal: Journal) -> None:
    """Say in the journal that the cut is over: the file's byte 0 is now what came after the segment.

    Without a source its last known size is kept, so that what was in it besides the segment is known to be missing.
    """
    record = journal.record
    end = replace(_idle(record), base=record.start + record.cut)
    if record.whole:
        end = replace(end, device=0, inode=0, generation=0, path="", size=0)
    else:
        end = replace(end, size=max(0, record.size - record.cut) if source is None else source.size)
    journal.write(end)


def take_out(source: Source, folder: int, journal: Journal) -> None:
    """Take the sealed head out of the log and be done.

    Raise HostError when that fails. If the head is still whole, everything is then as it was before the cut; if not, the
    journal still says `sealed` and recovery goes on from there.
    """
    record = journal.record
    try:
        sync(source)
        extents.collapse(source.handle, 0, record.cut)
    except HostError:
        if proved_whole(source, record):
            give_up(folder, journal)
        raise
    sync(source)
    done(source, journal)


def sync(source: Source) -> None:
    """Bring the log and where its blocks lie to the disk."""
    with told("cannot be written out", source.where):
        os.fsync(source.handle)


def proved_whole(source: Source, record: Record) -> bool:
    """Tell whether the sealed bytes certainly still stand at the head: it lies where it lay and reads as it read.

    The place decides: a log of equal lines reads the same after its head was taken out. False where the place is not known.
    """
    if holes_of_ours(source, record.size) or source.size < record.size:
        return False
    return same_place(source, record) is True and head_sha256(source, record.cut) == record.plain


def holes_of_ours(source: Source, border: int) -> list[extents.Hole]:
    """Return the holes that begin before `border`, the size that was on disk when the cut began.

    Behind it a crash leaves holes without any doing of ours: bytes that were written and never reached the disk.
    """
    return [hole for hole in extents.holes(source.handle) if hole[0] < border]


def same_place(source: Source, record: Record) -> bool | None:
    """Tell whether the file's first block lies where it lay before the cut; None when that is or was not known."""
    place = extents.physical(source.handle)
    return None if place is None or record.physical is None else place == record.physical


def head_sha256(source: Source, length: int) -> str:
    """Return the SHA-256 of the first bytes of the log. Raise HostError when it is shorter."""
    total = hashlib.sha256()
    for data in segment.read_range(source.handle, 0, length):
        total.update(data)
    return total.hexdigest()


def whole_segment(folder: int, record: Record) -> bool:
    """Tell whether the segment is there and every byte of it is what was recorded. Raise HostError when it cannot be read."""
    try:
        with segment.opened(folder, record.segment) as handle:
            found = segment.check_open(handle, record.segment)
    except HostError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error, Gone):
            raise
        return False
    known = found.plain if record.state == "intent" else record.plain
    return (found.stream, found.start, found.end, found.plain) == (record.stream, record.start, record.start + record.cut, known)


def remove_whole(source: Source, folder: int, journal: Journal, changed: int) -> None:
    """Remove a file whose every byte is sealed, and be done. The source is open for reading only.

    `changed` is its st_mtime_ns when it was read. Raise Refused when somebody writes to it or wrote meanwhile: everything is
    then as it was before the cut. One without a name only ends.
    """
    try:
        remove_still(source, journal.record.cut, changed)
    except NodeopsError:
        if not unlinked(source):
            give_up(folder, journal)
        raise
    done(None, journal)


def unlinked(source: Source) -> bool:
    """Tell whether a file that had a name when it was opened has none any more."""
    with told("cannot be asked about", source.where):
        return source.named and os.fstat(source.handle).st_nlink == 0


def remove_still(source: Source, size: int, changed: int) -> None:
    """Remove a file that still has this size and st_mtime_ns and that nobody writes. The source is open for reading only.

    A lease is held until the source is closed, so nobody can open the file for writing between the last look and its end.
    Raise Refused when it is not so, HostError when it cannot be removed.
    """
    if not take_lease(source.handle):
        raise Refused("somebody has opened it for writing", where=source.where)
    facts = os.fstat(source.handle)
    if (facts.st_size, facts.st_mtime_ns) != (size, changed):
        raise Refused("somebody wrote to it while it was sealed", where=source.where)
    if source.named:
        _unlink(source)


def _unlink(source: Source) -> None:
    path = Path(source.where)
    with folder_of(path) as folder, told("cannot be removed", path):
        facts = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if (facts.st_dev, facts.st_ino) != (source.identity.device, source.identity.inode):
            raise Refused("another file has its name now", where=source.where)
        os.unlink(path.name, dir_fd=folder)
        os.fsync(folder)

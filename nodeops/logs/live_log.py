"""Read the part of a log's stream that is not sealed yet, while a guard takes its head away. Reading only: it locks nothing.

The journal says which stream offset byte 0 of the log has (`base`). Bytes are read at `offset - base`, and believed only if the
journal, read again *after* them, still has that base and says that no head is being taken out. That suffices: a base never comes
back, and before a head is taken out the journal says `sealed`, on disk. So whatever the journal says later, the bytes were
read while each of them stood where the base says. What was read before the bytes is only a guess and needs no proof.

While the journal says `sealed`, which takes milliseconds, one waits. When a guard died just then, the place of the file's first
block on the disk tells whether the head is still there: equal to the recorded one *after* reading, it had not been taken out;
different and without a hole *before* reading, it was gone, and nothing more happens until the journal changes.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.host import extents
from nodeops.host.beneath import Gone
from nodeops.logstore.cut_steps import same_place
from nodeops.logstore.intents import SLOT_BYTES, Record, last_end, read_record
from nodeops.logstore.source import Source, opened, opened_deleted, where_is

# A collapse of 64 MiB takes up to a second on a disk that is busy; after that something has died.
_PATIENCE_SECONDS = 3.0
_TRIES, _AGAIN_SECONDS = 10, 0.01


@dataclass(frozen=True)
class LogFiles:
    """Where a stream's bytes are. `rotated` is the glob of renamed logs beside the live one, "" when nobody renames it."""

    live: Path
    sealed: Path
    journal: Path
    stream: str
    rotated: str = ""


class Miss(Enum):
    """Why there are no bytes at an offset: sealed, or gone, long ago; sealed just now; being moved; not written yet."""

    BEFORE = "before"
    SEALED = "sealed"
    BUSY = "busy"
    END = "end"


@dataclass(frozen=True)
class Part:
    """A file of the stream that is not sealed, and the stream offsets of its first byte and of the byte after its last."""

    source: Source
    start: int
    end: int


class LiveLog:
    """The files of a stream that are not sealed: renamed ones, then the live log. Close it when done.

    `start` is the offset of their first byte, as it was when `read_at` was called last.
    """

    def __init__(self, files: LogFiles) -> None:
        self._files = files
        self.start = 0
        self._open: dict[tuple[int, int], tuple[Source, ExitStack]] = {}
        self._sealed_since: tuple[int, float] = (-1, 0.0)

    def close(self) -> None:
        """Close all files."""
        self._close_others([])

    def record(self) -> Record:
        """Return what the journal says; without a journal the stream goes on at the end of the last segment.

        One that is too short is being made just now. One that is damaged is read again: both its places may have been written
        while it was read.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                return read_record(self._files.journal)
            except HostError as error:
                if isinstance(error.__cause__, FileNotFoundError) or (error.__cause__ is None and self._is_begun()):
                    break
                if error.__cause__ is not None or not tries_left:
                    raise
                time.sleep(_AGAIN_SECONDS)
        there = self._files.sealed.is_dir()
        return Record(self._files.stream, base=last_end(self._files.sealed, self._files.stream) if there else 0)

    def _is_begun(self) -> bool:
        with suppress(FileNotFoundError):
            return self._files.journal.stat().st_size < 2 * SLOT_BYTES
        return True

    def bounds(self) -> tuple[int, int] | Miss:
        """Return the stream offsets of the first byte that is not sealed, and of the end."""
        record = self.record()
        if record.state == "sealed" and not self._is_stuck(record):
            return Miss.BUSY
        parts = self._parts(record)
        found = (parts[0].start, parts[-1].end) if parts else (record.base, record.base)
        return found if self._still(record, parts) else Miss.BUSY

    def read_at(self, offset: int, most: int) -> bytes | Miss:
        """Return at most `most` bytes of the stream from `offset` on, or why there are none."""
        record = self.record()
        self.start = record.base
        if record.state == "sealed":
            if offset < record.start + record.cut:
                return Miss.SEALED if offset >= record.start else Miss.BEFORE
            if not self._is_stuck(record):
                return Miss.BUSY
        parts = self._parts(record)
        self.start = parts[0].start if parts else record.base
        if offset < self.start:
            return Miss.BEFORE
        data = next((os.pread(each.source.handle, most, offset - each.start) for each in parts if offset < each.end), b"")
        if not self._still(record, parts):
            return Miss.BUSY
        return data or Miss.END

    def _is_stuck(self, record: Record) -> bool:
        """Tell whether a head has been `sealed` and not taken out for so long that whoever did it must have died."""
        if self._sealed_since[0] != record.sequence:
            self._sealed_since = (record.sequence, time.monotonic())
        return time.monotonic() - self._sealed_since[1] > _PATIENCE_SECONDS

    def _still(self, record: Record, parts: list[Part]) -> bool:
        """Tell whether what was read since `record` stood where `parts` say. Called after reading."""
        if any(part.source.size != part.end - part.start for part in parts[:-1]):
            return False
        after = self.record()
        if record.state == "sealed":
            return after.sequence == record.sequence and self._stuck_still(record, parts)
        same = (after.base, after.identity, after.gaps_total) == (record.base, record.identity, record.gaps_total)
        return same and after.state != "sealed"

    def _stuck_still(self, record: Record, parts: list[Part]) -> bool:
        """Tell the same of a log whose guard died: the head was there until now, or was gone before. See the module's text."""
        return not parts or parts[0].start != record.base or same_place(parts[0].source, record) is True

    def _parts(self, record: Record) -> list[Part]:
        """Return the files that are not sealed, oldest first, with their place in the stream as the record has it."""
        start, pending = self._begun(record)
        found = []
        for source in pending:
            found.append(Part(source, start, start + source.size))
            start = found[-1].end
        self._close_others(pending)
        return found

    def _begun(self, record: Record) -> tuple[int, list[Source]]:
        """Return the stream offset of the first file that is not sealed, and the files."""
        pending = [source for source in map(self._opened, self._paths()) if source]
        known = record.identity
        if known is None:
            return record.base, pending
        for place, source in enumerate(pending):
            if known.same_file(source.identity):
                return self._first(record, source), pending[place:]
        moved = self._moved(record)
        if moved is not None:
            return self._first(record, moved), [moved, *pending]
        # Replaced, and the guard has not looked since: it will go on behind what it knew of the old file.
        return record.base + record.size, pending

    def _first(self, record: Record, source: Source) -> int:
        """Return the stream offset of byte 0 of the file that the record speaks of."""
        if record.state != "sealed" or record.whole or same_place(source, record) is True:
            return record.base
        if extents.holes(source.handle, 1) or same_place(source, record) is None:
            hint = "its guard finishes that when it starts: nodeops disk status"
            raise HostError("a cut was interrupted, and it is not clear how far it came", where=source.where, hint=hint)
        return record.start + record.cut

    def _paths(self) -> Iterator[Path]:
        """Yield renamed logs, oldest first, then the live one."""
        if self._files.rotated:
            folder = self._files.live.parent
            found = [path for path in folder.glob(self._files.rotated) if path != self._files.live and path.is_file()]
            with suppress(FileNotFoundError):
                yield from sorted(found, key=lambda path: (path.lstat().st_mtime_ns, path.name))
        yield self._files.live

    def _opened(self, path: Path) -> Source | None:
        """Return an open file by its path; None when it is not there. An open file keeps its inode from being used again."""
        try:
            facts = path.lstat()
            known = self._open.get((facts.st_dev, facts.st_ino))
            return known[0] if known else self._kept(opened(path, writing=False))
        except (FileNotFoundError, Gone):
            return None
        except OSError as error:
            raise extents.failed(error, "cannot be looked at", path) from error

    def _moved(self, record: Record) -> Source | None:
        """Return the file of the record that has neither the live log's name nor a rotated one; None when it is nowhere."""
        for source, _ in self._open.values():
            if record.identity is not None and record.identity.same_file(source.identity):
                return source
        with suppress(Gone):
            place = where_is(self._files.live, record)
            if place is not None:
                opening = opened(place, writing=False) if isinstance(place, Path) else opened_deleted(place, writing=False)
                return self._kept(opening)
        return None

    def _kept(self, opening: AbstractContextManager[Source]) -> Source:
        with ExitStack() as stack:
            source = stack.enter_context(opening)
            self._open[source.identity.device, source.identity.inode] = (source, stack.pop_all())
        return source

    def _close_others(self, needed: Sequence[Source]) -> None:
        """Close files that are not needed any more: while one is open, its space does not come back after it was removed."""
        for key, (source, stack) in list(self._open.items()):
            if source not in needed:
                del self._open[key]
                stack.close()

"""Which segments there are: in memory, and in a small SQLite file that saves reading all of them after a restart.

Memory is what counts. The file is a cache: what could not be written is written next time, and a file that is missing or
corrupt is made again from the segments.
The journal mode PERSIST overwrites in place, so small changes need no space on a full disk; WAL would grow there.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from nodeops.core.errors import HostError, NodeopsError
from nodeops.host.beneath import Gone
from nodeops.host.extents import told
from nodeops.logstore import segment
from nodeops.logstore.naming import Segment, range_of
from nodeops.logstore.source import folder_at

_SCHEMA = 2
# Long enough for a command that reads; a guard that waits longer does not watch the disk.
_WAIT_SECONDS = 1.0
_COLUMNS = tuple(one.name for one in fields(Segment))
_CREATE = f"""
create table segments (
  stream text not null, start integer not null, "end" integer not null, lines integer not null, began real not null,
  ended real not null, plain text not null, stored text not null, size integer not null, name text primary key,
  folder text not null
) without rowid;
pragma user_version = {_SCHEMA};
"""
_HINT = "segments are safe and known; it is tried again with the next change"


@dataclass(frozen=True)
class Entry:
    """A segment and the folder it is in."""

    segment: Segment
    folder: str


class Index:
    """All segments of some folders. Made by `open_or_rebuild`.

    `strange` says, for names that look like segments and are none, what is wrong with them; they are left alone.
    """

    def __init__(self, path: Path, folders: Sequence[Path]) -> None:
        self._path, self._folders = path, tuple(folders)
        self._entries: dict[str, Entry] = {}
        self._unread: list[tuple[Path, str]] = []
        self._unsaved: set[str] = set()
        self.strange: dict[str, str] = {}

    @property
    def rebuilding(self) -> bool:
        """Tell whether there are files it has not read yet: until then nothing may be purged."""
        return bool(self._unread)

    def all(self, stream: str = "") -> list[Segment]:
        """Return the segments of a stream, or of all, by stream and range."""
        chosen = [one.segment for one in self._entries.values() if stream in ("", one.segment.stream)]
        return sorted(chosen, key=lambda one: (one.stream, one.start, one.end))

    def total_bytes(self, stream: str = "") -> int:
        """Return the size of the files of a stream, or of all."""
        return sum(one.size for one in self.all(stream))

    def by_name(self, name: str) -> Entry | None:
        """Return what is known of a file name; None when it is not a known segment."""
        return self._entries.get(name)

    def add(self, sealed: Segment, folder: Path) -> None:
        """Take in a segment that was just sealed. Raise HostError when that cannot be saved; it is known all the same."""
        self._put(Entry(sealed, str(folder)))
        self.save()

    def remove(self, name: str) -> None:
        """Forget a segment whose file was removed. Raise HostError as `add` does."""
        self._entries.pop(name, None)
        self._unsaved.add(name)
        self.save()

    def _put(self, entry: Entry) -> None:
        self._entries[entry.segment.name] = entry
        self._unsaved.add(entry.segment.name)

    def go_on(self, most_bytes: int) -> None:
        """Read files that are not known yet, until more than `most_bytes` were read or none is left; then save.

        Raise HostError as `add` does.
        """
        while self._unread and most_bytes > 0:
            most_bytes -= self._read(*self._unread[-1])
            self._unread.pop()
        self.save()

    def _read(self, folder: Path, name: str) -> int:
        try:
            with folder_at(folder) as handle, segment.opened(handle, name) as file:
                found = segment.describe_open(file, name)
        except Gone:
            return 0
        except NodeopsError as error:
            self.strange[name] = error.what
            return 0
        self._put(Entry(found, str(folder)))
        return found.size

    def save(self) -> None:
        """Write what is not saved yet. Raise HostError when it cannot be: the disk is full, or another process holds the file."""
        if not self._unsaved:
            return
        try:
            try:
                self._write()
            except sqlite3.DatabaseError as error:
                if not _is_corrupt(error):
                    raise
                self._unsaved.update(self._entries)
                _discard(self._path)
                self._write()
        except (sqlite3.Error, OSError) as error:
            raise HostError(f"the index cannot be saved: {error}", where=str(self._path), hint=_HINT) from error

    def _write(self) -> None:
        rows = [(*astuple(one.segment), one.folder) for one in self._changed()]
        with closing(_connected(self._path)) as database:
            if _version(database) == 0:
                database.executescript(f"begin immediate; {_CREATE} commit;")
            with database:
                database.execute("begin immediate")
                database.executemany("delete from segments where name = ?", [(name,) for name in self._unsaved])
                database.executemany(f"insert into segments values ({', '.join('?' * len(_row_names()))})", rows)  # noqa: S608
        self._unsaved.clear()

    def _changed(self) -> Iterator[Entry]:
        yield from (self._entries[name] for name in self._unsaved if name in self._entries)

    def load(self) -> None:
        """Take over what the file says of files that are still there and as long as they were; all others are to be read."""
        there = dict(_files(self._folders))
        saved = _saved(self._path)
        for entry in saved:
            place = there.get(entry.segment.name)
            if place == (Path(entry.folder), entry.segment.size):
                self._entries[entry.segment.name] = entry
            else:
                self._unsaved.add(entry.segment.name)
        unread = sorted(set(there) - set(self._entries), reverse=True)
        self._unread = [(there[name][0], name) for name in unread]


def open_or_rebuild(path: Path, folders: Sequence[Path], most_bytes: int | None = None) -> Index:
    """Return the index of all segments in some folders, kept in the file `path`.

    Files that it does not know are read, at most about `most_bytes` of them now (None: all); the rest is for `go_on`. A corrupt
    file is removed and made again. Raise HostError when a folder or the file cannot be read. That the file cannot be written now
    is no error here: `save` says it.
    """
    index = Index(path, folders)
    index.load()
    with suppress(HostError):
        index.go_on(1 << 62 if most_bytes is None else most_bytes)
    return index


def _files(folders: Sequence[Path]) -> Iterator[tuple[str, tuple[Path, int]]]:
    for folder in folders:
        with told("cannot be read", folder), os.scandir(folder) as entries:
            for one in entries:
                if range_of(one.name):
                    yield one.name, (folder, one.stat(follow_symlinks=False).st_size)


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
    try:
        database.execute("pragma journal_mode = persist")
        database.execute("pragma synchronous = full")
    except BaseException:
        database.close()
        raise
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("pragma user_version").fetchone()[0])


def _row_names() -> tuple[str, ...]:
    return (*_COLUMNS, "folder")


def _saved(path: Path) -> list[Entry]:
    """Return what the file says; nothing when it is missing or corrupt. Raise HostError when it is locked."""
    if not path.exists():
        return []
    try:
        with closing(_connected(path)) as database:
            if _version(database) == _SCHEMA and database.execute("pragma quick_check").fetchone()[0] == "ok":
                names = ", ".join(f'"{name}"' for name in _row_names())
                rows = database.execute(f"select {names} from segments").fetchall()  # noqa: S608 - names of ours
                return [Entry(Segment(*row[: len(_COLUMNS)]), *row[len(_COLUMNS) :]) for row in rows]
        _discard(path)
    except sqlite3.DatabaseError as error:
        if not _is_corrupt(error):
            raise HostError(f"the index cannot be read: {error}", where=str(path), hint="try again in a moment") from error
        _discard(path)
    return []


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    """Tell a damaged or foreign file from one that is locked and from a disk that is full."""
    damaged = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA)
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in damaged


def _discard(path: Path) -> None:
    for name in (path.name, f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)

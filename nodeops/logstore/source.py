"""The file whose bytes are sealed: opened without following links, known by its inode, found again after it was renamed."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.core.printable import escaped
from nodeops.host.beneath import Gone, open_beneath, open_folder
from nodeops.host.extents import Identity, failed, identity, told
from nodeops.host.writers import Deleted, deleted_open
from nodeops.logstore.intents import Record

# A pipe or a terminal in the log's place must neither stop this process nor become its terminal.
_FLAGS = os.O_NONBLOCK | os.O_NOCTTY
_HANDLE_OF_A_PROCESS = re.compile(r"/proc/\d+/fd/\d+")


@dataclass(frozen=True)
class Source:
    """An open log file. `where` is its path when it was opened; that of a handle in /proc when it has no name any more."""

    handle: int
    where: str
    identity: Identity
    named: bool = True

    @property
    def size(self) -> int:
        """Return its size now. Raise HostError when the filesystem fails."""
        with told("cannot be asked about", self.where):
            return os.fstat(self.handle).st_size


@contextmanager
def opened(path: Path, writing: bool = True) -> Iterator[Source]:
    """Open a log for sealing, reached from `/` without any link.

    Raise Refused when it is a link, no regular file or has more than one name, Gone when it is not there.
    """
    absolute = path.absolute()
    with folder_of(absolute) as folder:
        handle = open_beneath(folder, absolute.name, (os.O_RDWR if writing else os.O_RDONLY) | _FLAGS)
    try:
        _require(handle, absolute, links=1)
        yield Source(handle, str(absolute), identity(handle))
    finally:
        os.close(handle)


@contextmanager
def folder_of(path: Path) -> Iterator[int]:
    """Open the folder of an absolute path, itself and all above it no links."""
    with folder_at(path.parent) as handle:
        yield handle


@contextmanager
def folder_at(path: Path) -> Iterator[int]:
    """Open a folder, itself and all above it no links."""
    handle = open_folder(path.absolute())
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def opened_deleted(deleted: Deleted, writing: bool = True) -> Iterator[Source]:
    """Open a deleted file through the handle of the process that holds it; it lives on until this handle is closed too.

    Raise Gone when the process is gone or that handle is another file by now, Refused when the file has a name again.
    """
    if not _HANDLE_OF_A_PROCESS.fullmatch(deleted.fd_path):
        raise Refused("is no handle of a process", where=escaped(deleted.fd_path))
    try:
        handle = os.open(deleted.fd_path, (os.O_RDWR if writing else os.O_RDONLY) | _FLAGS | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Gone("is not open any more", where=deleted.fd_path) from error
    except OSError as error:
        raise failed(error, "cannot be opened", deleted.fd_path) from error
    try:
        known = identity(handle)
        if (known.device, known.inode) != (deleted.device, deleted.inode):
            raise Gone("is another file by now", where=deleted.fd_path)
        _require(handle, deleted.fd_path, links=0)
        yield Source(handle, deleted.fd_path, known, named=False)
    finally:
        os.close(handle)


def _require(handle: int, where: object, links: int) -> None:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise Refused("is no regular file", where=escaped(str(where)))
    if facts.st_nlink != links:
        names = "has other names too" if links else "has a name again"
        raise Refused(f"{names}: {facts.st_nlink} links", where=escaped(str(where)), allowed=f"{links}")


def where_is(live: Path, record: Record) -> Path | Deleted | None:
    """Return where the file is that a record speaks of: the live log, the path in the record, a renamed file beside them, or
    a deleted one that a process still holds. None when it is nowhere.

    Raise what `opened` raises for a file that is there and cannot be opened.
    """
    wanted = record.identity
    for place in _candidates(live, record):
        with ExitStack() as stack, suppress(Gone):
            if wanted is not None and stack.enter_context(_opened_at(place)).identity.same_file(wanted):
                return place
    return None


@contextmanager
def found_again(live: Path, record: Record) -> Iterator[Source | None]:
    """Open the file that a record speaks of, wherever it is now; None when it is nowhere."""
    place = where_is(live, record)
    with ExitStack() as stack:
        # A whole file is going to be removed if nobody writes: our own handle must not count.
        yield None if place is None else stack.enter_context(_opened_at(place, writing=not record.whole))


def _opened_at(place: Path | Deleted, writing: bool = False) -> AbstractContextManager[Source]:
    return opened(place, writing) if isinstance(place, Path) else opened_deleted(place, writing)


def _candidates(live: Path, record: Record) -> Iterator[Path | Deleted]:
    """Yield what has the record's inode number: by path, by the names in the folders of those paths, by open handles."""
    paths = [live.absolute(), *([Path(record.path)] if record.path else [])]
    folders = sorted({path.parent for path in paths})
    yield from (path for path in paths if _inode(path) == record.inode)
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            yield from [Path(entry.path) for entry in entries if entry.inode() == record.inode]
    for folder in folders:
        yield from (one for one in deleted_open(str(folder)) if one.inode == record.inode)


def _inode(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except OSError:
        return 0

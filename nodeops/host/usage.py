"""What fills a filesystem: how full each one is, and how many bytes lie below a folder. Nothing is followed, nothing is read."""

import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.host.filesystem import Filesystem, Usage
from nodeops.host.mounts import Mount, listed, mount_id

# stat(2): st_blocks counts these, whatever the filesystem's own blocks are.
_BLOCK_BYTES = 512
# No ledger nests deeper, and every level holds one handle open.
_DEEPEST = 64
_CHECK_EVERY = 64


@dataclass(frozen=True)
class Measured:
    """The bytes that files and folders take on disk. Not `complete` when time ran out or something could not be looked at."""

    size: int
    files: int
    complete: bool


@dataclass
class _Walk:
    """A walk in progress. `until` is on the monotonic clock; `without` and `seen` hold (device, inode)."""

    device: int
    until: float
    without: set[tuple[int, int]]
    seen: set[tuple[int, int]] = field(default_factory=set)
    size: int = 0
    files: int = 0
    complete: bool = True

    def enter(self, handle: int, depth: int) -> None:
        """Count an open folder and what is below it on the same filesystem."""
        facts = os.fstat(handle)
        if facts.st_dev == self.device and self._is_new(facts):
            self.size += facts.st_blocks * _BLOCK_BYTES
            self._list(handle, depth)

    def _is_new(self, facts: os.stat_result) -> bool:
        """Tell whether a file is met for the first time: it may have several names, and a folder may be mounted twice."""
        mark = (facts.st_dev, facts.st_ino)
        if mark in self.seen or mark in self.without:
            return False
        self.seen.add(mark)
        return True

    def _list(self, handle: int, depth: int) -> None:
        with os.scandir(handle) as entries:
            for number, entry in enumerate(entries):
                if number % _CHECK_EVERY == 0 and time.monotonic() >= self.until:
                    self.complete = False
                    return
                self._count(handle, entry, depth)

    def _count(self, handle: int, entry: "os.DirEntry[str]", depth: int) -> None:
        """Count one entry. What vanishes meanwhile takes nothing; a folder of another filesystem is not even opened."""
        try:
            facts = entry.stat(follow_symlinks=False)
            if facts.st_dev != self.device:
                return
            if stat.S_ISDIR(facts.st_mode):
                self._descend(handle, entry.name, depth)
            elif facts.st_nlink == 1 or self._is_new(facts):
                self.size += facts.st_blocks * _BLOCK_BYTES
                self.files += 1
        except FileNotFoundError:
            return
        except OSError:
            self.complete = False

    def _descend(self, handle: int, name: str, depth: int) -> None:
        if not depth:
            self.complete = False
            return
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        try:
            self.enter(inner, depth - 1)
        finally:
            os.close(inner)


def below(folder: Path, seconds: float, without: Iterable[Path] = ()) -> Measured:
    """Return the bytes that a folder takes with all below it, on its own filesystem, in at most about `seconds`.

    Links are not followed, a file with several names counts once, and so does a folder that is mounted twice. The folders in
    `without` are left out. A folder that is not there takes nothing. Raise HostError when it cannot be opened.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Measured(0, 0, complete=True)
    except OSError as error:
        raise HostError(f"cannot be opened: {error.strerror}", where=str(folder)) from error
    try:
        return _walked(handle, time.monotonic() + seconds, without)
    except OSError as error:
        raise HostError(f"cannot be looked through: {error.strerror}", where=str(folder)) from error
    finally:
        os.close(handle)


def _walked(handle: int, until: float, without: Iterable[Path]) -> Measured:
    walk = _Walk(os.fstat(handle).st_dev, until, set(_marks(without)))
    walk.enter(handle, _DEEPEST)
    return Measured(walk.size, walk.files, walk.complete)


def _marks(folders: Iterable[Path]) -> Iterator[tuple[int, int]]:
    for folder in folders:
        try:
            facts = folder.stat()
        except OSError:
            continue
        yield facts.st_dev, facts.st_ino


def attributed(filesystem: Filesystem, classes: Mapping[str, Sequence[Path]], seconds: float) -> tuple[Usage, bool]:
    """Return what fills a filesystem by class, and whether that is complete. What no class has is `other`.

    A folder inside another class's folder counts for its own class only. Folders on other filesystems count nothing. Reserved
    blocks are part of `other`: they are not free to use.
    """
    until, complete = time.monotonic() + seconds, True
    counted: dict[str, int] = {}
    for name, folders in classes.items():
        others = [path for other, paths in classes.items() if other != name for path in paths]
        for folder in _on(filesystem, folders):
            measured = below(folder, max(0.0, until - time.monotonic()), others)
            counted[name] = counted.get(name, 0) + measured.size
            complete = complete and measured.complete
    rest = filesystem.total - filesystem.free - sum(counted.values())
    return Usage(filesystem.mount, {**counted, "other": max(0, rest)}), complete


def _on(filesystem: Filesystem, folders: Sequence[Path]) -> list[Path]:
    return [folder for folder in folders if _device(folder) == filesystem.device]


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


def filesystems(paths: Iterable[Path]) -> list[Filesystem]:
    """Return the filesystems that paths lie on, each once, in the order of the paths; links are followed to where data goes.

    For what is not there yet, the nearest folder above it stands. Raise HostError when a path cannot be looked at.
    """
    found: dict[int, Filesystem] = {}
    for path in paths:
        handle = _nearest(path.absolute())
        try:
            device = os.fstat(handle).st_dev
            if device not in found:
                found[device] = _filesystem(handle, device, path)
        except OSError as error:
            raise HostError(f"cannot be asked how full it is: {error.strerror}", where=str(path)) from error
        finally:
            os.close(handle)
    return list(found.values())


def _nearest(path: Path) -> int:
    for candidate in (path, *path.parents):
        try:
            return os.open(candidate, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise HostError(f"cannot be looked at: {error.strerror}", where=str(path)) from error
    raise HostError("has no folder above it", where=str(path))


@lru_cache(maxsize=64)
def _mount(number: int, _device: int, _path: Path) -> Mount:
    """Return a mount. The table is long, so it is read once for each path that leads to the same device over the same mount."""
    return listed(number)


def _filesystem(handle: int, device: int, path: Path) -> Filesystem:
    mount = _mount(mount_id(handle), device, path)
    facts = os.fstatvfs(handle)
    return Filesystem(
        mount=mount.point,
        device=device,
        kind=mount.kind,
        # Without what is reserved for root: the same percents as df(1), and 100 % is where the ledger cannot write any more.
        total=(facts.f_blocks - facts.f_bfree + facts.f_bavail) * facts.f_frsize,
        free=facts.f_bavail * facts.f_frsize,
        inodes=facts.f_files - facts.f_ffree + facts.f_favail,
        inodes_free=facts.f_favail,
    )

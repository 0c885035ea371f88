"""Which folders may be purged at all: checked when the policy is loaded, by name and by what the names lead to."""

import contextlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.core.printable import shown
from nodeops.disk.purge.tripwires import alarm, is_tripwire
from nodeops.host.beneath import open_beneath, open_folder
from nodeops.host.mounts import place
from nodeops.logstore.naming import is_segment_name, is_unfinished_name

_OTHERS_MAY_WRITE = 0o022
# A folder of segments has some thousand files and no folders; what is beyond these is not one.
_MOST_ENTRIES = 200_000
_DEEPEST = 16

# What no policy may purge, whatever it declares; nothing inside either, except for `/`.
_NEVER = tuple(map(Path, ("/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/usr")))
_ALLOWED = "a folder of its own, that holds sealed segments only"


@dataclass(frozen=True)
class Root:
    """A folder to purge. `mount` is where its filesystem is mounted, if the policy says so: a device that is missing shows."""

    path: Path
    mount: Path | None = None


@dataclass(frozen=True)
class _Spot:
    """What a path leads to: its device and inode, and its path inside its filesystem, the same through every bind mount."""

    path: Path
    device: int
    inode: int
    inside: str


def checked_roots(roots: Sequence[Root], protected: Sequence[Path]) -> list[Root]:
    """Return the roots when each may be purged; `protected` are chain data, keys, configuration and the agent's state.

    Raise InputError when a root is named so that it is, contains or lies in a protected path or another root, or lies on
    another filesystem than said; Refused when it is a link, may be written by others, or leads to a protected place under
    another name (bind mount); HostError when it is not there.
    """
    guarded = [*_NEVER, *protected]
    spots = [spot for path in guarded if (spot := _spot(Path(os.path.realpath(path)))) is not None]
    for number, root in enumerate(roots):
        _require_name(root, [*guarded, *(Path(os.path.realpath(path)) for path in guarded)])
        _require_name(root, [other.path for other in roots[:number]])
        _require_place(root, spots)
    return list(roots)


def _require_name(root: Root, guarded: Sequence[Path]) -> None:
    path = root.path
    if not path.is_absolute() or ".." in path.parts:
        raise InputError("is not an absolute path without ..", where=str(path), allowed=_ALLOWED)
    for other in guarded:
        relation = _relation(path, other)
        if relation:
            raise InputError(f"{relation} {other}, from which nothing may be removed", where=str(path), allowed=_ALLOWED)


def _relation(path: PurePath, other: PurePath) -> str:
    """Return how a path touches another; empty when it does not. Everything lies in `/`, so that alone is no relation."""
    if path == other:
        return "is"
    if other.is_relative_to(path):
        return "contains"
    return "lies in" if path.is_relative_to(other) and other != PurePath("/") else ""


def _require_place(root: Root, guarded: Sequence[_Spot]) -> None:
    with opened_root(root.path) as handle:
        facts, inside = os.fstat(handle), place(handle, str(root.path))
    for spot in _touched(_Spot(root.path, facts.st_dev, facts.st_ino, inside), guarded):
        raise Refused(f"leads to the same place as {spot.path}, which is protected", where=str(root.path), allowed=_ALLOWED)
    if root.mount is not None and not _is_mounted(root.mount, facts.st_dev):
        what = f"does not lie on a filesystem that is mounted at {root.mount}"
        raise InputError(what, where=str(root.path), hint=f"mount it, or correct the policy: findmnt --target {root.path}")


def _touched(root: _Spot, guarded: Sequence[_Spot]) -> Iterator[_Spot]:
    for spot in guarded:
        same = (root.device, root.inode) == (spot.device, spot.inode)
        inside = root.device == spot.device and _relation(PurePath(root.inside), PurePath(spot.inside))
        if same or (inside and spot.path != Path("/")):
            yield spot


def _spot(path: Path) -> _Spot | None:
    """Return what a protected path, without links, leads to; None while there is nothing, so nothing to lose."""
    try:
        handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"cannot be looked at: {error.strerror}", where=str(path)) from error
    try:
        facts = os.fstat(handle)
        return _Spot(path, facts.st_dev, facts.st_ino, place(handle, str(path)))
    finally:
        os.close(handle)


def _is_mounted(mount: Path, device: int) -> bool:
    try:
        return os.path.ismount(mount) and mount.stat().st_dev == device
    except OSError:
        return False


@contextlib.contextmanager
def opened_root(folder: Path) -> Iterator[int]:
    """Hold a folder of segments open while the block runs: whatever its path leads to later, this stays the folder.

    Raise Refused when the path crosses a symbolic link, or when others than this user may write into the folder and so swap
    files in it; HostError when it cannot be opened.
    """
    handle = open_folder(folder)
    try:
        facts = os.fstat(handle)
        if facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS_MAY_WRITE:
            what, hint = "others may change what is in it", f"chown {os.geteuid()} and chmod go-w"
            raise Refused(what, where=str(folder), allowed="a folder that only this user may write into", hint=hint)
        yield handle
    finally:
        os.close(handle)


def require_no_tripwire(root: int, folder: Path) -> None:
    """Raise Refused when anything in or below the folder has the name of a database's file or a key, or is a mount."""
    found = sorted({name for name in _names(root, folder, _DEEPEST) if is_tripwire(name)})
    if found:
        hint = "find out who writes there; move it away, or correct the folder in the policy"
        raise Refused(alarm(found), where=str(folder), hint=hint)


def _names(handle: int, folder: Path, depth: int) -> Iterator[str]:
    """Yield every name below a folder, a mount or too deep a tree in it being refused: nobody could say what is there."""
    with os.scandir(handle) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_ENTRIES or not depth:
                raise Refused("ALARM: holds more files or folders than a folder of segments can", where=str(folder))
            yield entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _below(handle, entry.name, folder, depth - 1)


def _below(handle: int, name: str, folder: Path, depth: int) -> Iterator[str]:
    try:
        inner = open_beneath(handle, name, os.O_RDONLY | os.O_DIRECTORY)
    except Refused as error:
        raise Refused(f"ALARM: a mount is inside, or it is changed right now: {shown(name)}", where=str(folder)) from error
    try:
        yield from _names(inner, folder, depth)
    finally:
        os.close(inner)


def strangers(folder: Path, known: Collection[str] | None = None) -> list[str]:
    """Return, printable and sorted, what lies in a folder of segments and is none; it is reported and never removed.

    That is every name of another form, every folder, link, pipe or socket, every file with a second name and, where the names
    that the index knows are given, every other one. A segment that is just being written is none. Raise as `opened_root`.
    """
    with opened_root(folder) as root, os.scandir(root) as entries:
        return sorted(shown(entry.name) for entry in entries if _is_strange(entry, known))


def _is_strange(entry: "os.DirEntry[str]", known: Collection[str] | None) -> bool:
    named = is_segment_name(entry.name) and (known is None or entry.name in known)
    if not named and not is_unfinished_name(entry.name):
        return True
    try:
        facts = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1

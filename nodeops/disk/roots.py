"""Which folders may be purged at all: checked when the policy is loaded, by name and by what the names lead to."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.disk.root_folder import opened_root
from nodeops.host.mounts import place

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

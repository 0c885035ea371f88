"""What this host shows of its ledger without asking it: filesystems, the genesis file, the release of the process."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from nodeops.host.process import process
from nodeops.ledger.node.status import DiskUse


def disk_use(paths: Iterable[str]) -> list[DiskUse]:
    """Return how full the filesystem of each path is. A path that does not exist yet is left out."""
    return [use for path in dict.fromkeys(paths) if (use := _disk_use(path))]


def _disk_use(path: str) -> DiskUse | None:
    try:
        usage = psutil.disk_usage(path)
    except OSError:
        return None
    return DiskUse(path=path, filesystem_used_percent=float(usage.percent), free_bytes=usage.free)


def file_digest(path: str) -> str | None:
    """Return the SHA-256 of a file's bytes, None when it is absent or this user may not read it."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def running_release(binaries: str, name: str) -> str | None:
    """Return the version directory below `binaries` that a running `name` was started from.

    The process is asked, not the `current` link, which may have moved since; and not the RPC, which repeats a constant
    of the source (CometBFT v0.38.21 calls itself 0.38.19, version/version.go). None when no such process can be seen.
    """
    return next((exe.parent.name for _, exe in _running(binaries, name)), None)


def listens_beside(binaries: str, name: str, pid: int) -> bool:
    """Tell whether another process than `pid` runs a `name` of these and listens: a node does, a question to one does not."""
    found = (process(other) for other, _ in _running(binaries, name) if other != pid)
    return any(one.listening for one in found if one)


def _running(binaries: str, name: str) -> Iterator[tuple[int, Path]]:
    for one in psutil.process_iter(["exe"]):
        exe = Path(one.info["exe"] or "/")
        if exe.name == name and exe.parent.parent == Path(binaries):
            yield one.pid, exe

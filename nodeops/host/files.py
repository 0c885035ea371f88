"""Write files so that a reader sees the old content or the new, never a part, and a power cut loses neither."""

import contextlib
import os
import tempfile
from pathlib import Path

from nodeops.core.errors import HostError


def write_atomic(path: Path, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Replace a file in one step. `mode` is set before any byte is written; `owner` is (uid, gid).

    Raise HostError when the folder is missing or the disk is full; the old file is then still whole.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise HostError(f"cannot be written: {error.strerror}", where=str(path)) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            if owner is not None:
                os.fchown(handle, *owner)
            file.write(data)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise HostError(f"cannot be written: {error.strerror}", where=str(path)) from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_link(path: Path, target: str) -> None:
    """Point a symbolic link somewhere else in one step. Nothing is done when it points there already."""
    if path.is_symlink() and str(path.readlink()) == target:
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
    sync_folder(path.parent)

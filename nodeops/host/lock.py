"""One writer at a time: a folder is held with the kernel's lock, which is freed when the process dies, however it dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from nodeops.core.errors import HostError, Refused


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs. Raise Refused when another process holds it, HostError when it is missing."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise HostError(f"cannot be opened: {error.strerror}", where=str(folder)) from error
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused("another nodeops is at work here", where=str(folder), hint="wait until it has ended, run again") from error

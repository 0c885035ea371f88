"""One writer at a time: a folder is held with the kernel's lock, which is freed when the process dies, however it dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Refused

_PAUSE_SECONDS = 0.5


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


@contextlib.contextmanager
def waited(folder: Path, seconds: float) -> Iterator[None]:
    """Hold a folder while the block runs, waiting so long for whoever holds it. Raise as `held` does after that."""
    until, pause = stop_after_delay(seconds), wait_fixed(_PAUSE_SECONDS)
    attempts = Retrying(retry=retry_if_exception_type(Refused), stop=until, wait=pause, reraise=True)
    with contextlib.ExitStack() as stack:
        attempts(lambda: stack.enter_context(held(folder)))
        yield


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused("another nodeops is at work here", where=str(folder), hint="wait until it has ended, run again") from error

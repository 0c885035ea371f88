"""One command at a time for a lab, an image and the engine: commands of the same user wait for each other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Timeout

_WAIT_SECONDS = 600.0


@contextmanager
def lock(name: str, wait_seconds: float = _WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of a name. Raise Timeout when another command holds it for too long.

    The kernel lets go of it when its holder dies, so there is no stale lock.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nodeops" / "lab"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(folder)) from error
    with (folder / f"{name.replace(':', '-')}.lock").open("w") as file:
        busy = retry_if_exception_type(BlockingIOError)
        try:
            Retrying(retry=busy, stop=stop_after_delay(wait_seconds), wait=wait_fixed(0.2))(
                fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB
            )
        except RetryError as error:
            raise Timeout(f"another nodeops command has been busy with {name} for {wait_seconds:g} s", where="lab") from error
        yield

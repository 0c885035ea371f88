"""One command at a time for a lab, an image and the engine: commands of the same user wait for each other."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Refused, Timeout
from nodeops.host.lock import held

# As long as building an image may take: that is the longest a command is waited for.
_WAIT_SECONDS = 900.0


@contextmanager
def lock(name: str, wait_seconds: float = _WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of a name while the block runs. Raise Timeout when another command holds it for too long."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nodeops" / "lab" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(folder)) from error
    patient = Retrying(retry=retry_if_exception_type(Refused), stop=stop_after_delay(wait_seconds), wait=wait_fixed(0.2))
    with ExitStack() as stack:
        try:
            patient(lambda: stack.enter_context(held(folder)))
        except RetryError as error:
            raise Timeout(f"another nodeops command has been busy with {name} for {wait_seconds:g} s", where="lab") from error
        yield

"""What every verb of a lab begins with: a line that says what is being done, and an engine that answers."""

from collections.abc import Iterator
from contextlib import contextmanager

import docker
from rich.console import Console
from rich.text import Text

from nodeops.core.errors import HostError
from nodeops.lab.engine.engine import HOME, Say, reach


@contextmanager
def progress(first: str) -> Iterator[Say]:
    """Show what is being done, on stderr: stdout belongs to the answer."""
    with Console(stderr=True).status(Text(first)) as status:
        yield lambda text: status.update(Text(text))


def running_engine(say: Say) -> docker.DockerClient:
    """Return a client of the engine that answers. Raise HostError when none does."""
    client = reach(say, HOME, may_start=False)
    if client is None:
        raise HostError("is not running", where="Docker engine", hint="nodeops lab up starts it")
    return client

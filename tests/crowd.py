"""Many who connect to a server at once, and what it does with them."""

import contextlib
import resource
import socket
import ssl
from collections.abc import Callable, Iterator

from nodeops.core.guests import MOST_CONNECTIONS, MOST_EACH

# Where the one with this number comes from, and how many of them are let in.
Source = tuple[Callable[[int], str], int]
SOURCES: dict[str, Source] = {
    "from one address": (lambda _: "127.0.0.2", MOST_EACH),
    "from as many addresses": (lambda number: f"127.1.{number >> 8}.{number & 255}", MOST_CONNECTIONS),
}


def gone(connection: socket.socket) -> bool:
    """Tell whether the other side has closed a connection."""
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True


@contextlib.contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Let this process open as many files while the block runs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(before[1], count)))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

"""HTTP to one address, all waits of which share one deadline: an answer that drips in cannot outlast it.

Proxies of the environment are never used. Resolving a host name is outside the deadline, so roles write addresses.
"""

import http.client
import socket
import time
from typing import Any


class Connection(http.client.HTTPConnection):
    """A connection that raises TimeoutError whatever it waits for, once `time.monotonic` has passed `deadline`."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        super().__init__(host, port)
        self.deadline = deadline

    def connect(self) -> None:
        """Connect, for as long as the deadline leaves."""
        plain = socket.create_connection((self.host, self.port), _remaining(self.deadline))
        self.sock = _DeadlineSocket(fileno=plain.detach())
        self.sock.deadline = self.deadline


class _DeadlineSocket(socket.socket):
    deadline = 0.0

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_remaining(self.deadline))
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(_remaining(self.deadline))
        return super().sendall(*args, **kwargs)


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("deadline passed")
    return seconds


def reason(error: Exception) -> str:
    """Return in words why there was no whole answer."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, http.client.IncompleteRead):
        return "the connection closed before the answer was whole"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection closed without an answer"
    return f"not HTTP ({type(error).__name__})"

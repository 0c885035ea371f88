"""What one running process is: its program, its user, and the TCP sockets on which it listens."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from nodeops.core.errors import HostError


@dataclass(frozen=True)
class Process:
    """A running process. `program` is the file it was started from; " (deleted)" at its end when that file is gone."""

    pid: int
    program: str
    user: str
    listening: tuple[tuple[str, int], ...]


def process(pid: int) -> Process | None:
    """Return a process with its listening (address, port) pairs, or None when it has ended.

    Raise HostError when this user may not look at it.
    """
    try:
        found = psutil.Process(pid)
        sockets = [entry.laddr for entry in found.net_connections("tcp") if entry.status == psutil.CONN_LISTEN and entry.laddr]
        listening = tuple(sorted((str(address.ip), int(address.port)) for address in sockets))
        return Process(pid, found.exe(), found.username(), listening)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return None
    except psutil.AccessDenied as error:
        raise HostError("may not be looked at by this user", where=f"process {pid}", hint="run as root") from error


def sockets_listening(pid: int) -> frozenset[int]:
    """Return the inodes of the TCP sockets on which a process listens: new ones have others. None when it ended."""
    try:
        found = [one.fd for one in psutil.Process(pid).net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        return frozenset(Path(f"/proc/{pid}/fd/{one}").stat().st_ino for one in found)
    except (psutil.Error, OSError):
        return frozenset()

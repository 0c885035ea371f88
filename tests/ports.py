"""Ports of this machine for servers that must be told one."""

import socket


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return ports that nobody else is given as long as this process lives.

    A port that was found and let go again may be another's by the time a server comes for it. So a socket stays bound to each:
    servers set SO_REUSEADDR and may listen there all the same, and whoever asks for any port gets another one.
    """
    return [_held(address) for _ in range(count)]


def _held(address: str) -> int:
    holder = socket.socket()
    holder.bind((address, 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = int(holder.getsockname()[1])
    # Nothing closes it before the process ends.
    holder.detach()
    return port

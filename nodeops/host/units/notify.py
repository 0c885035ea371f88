"""Tell systemd how a service is doing: sd_notify(3), a datagram to the socket that it names. Lean: stdlib only."""

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send lines such as READY=1 or WATCHDOG=1; nothing happens outside a service. What cannot be sent is not missed."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        connection.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        connection.sendall("\n".join(lines).encode())

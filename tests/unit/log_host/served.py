"""A real log host on loopback, in a thread of its own, its nodes and a stranger."""

import asyncio
import contextlib
import socket
import threading
import time

from nodeops.hardening.host.receiver import refusal
from nodeops.log_host.server import Place, serve
from nodeops.log_host.store import Bounds, Store
from tests.ports import free_ports
from tests.unit.exporter.served import ADDRESS, WAIT, Client, context, identity

# Every client here makes its handshake within it, on a busy machine too; some tests wait for it to pass.
SHORT = 3.0


class There:
    """A log host that keeps what comes in a folder, as its nodes `a-1` and `a-2` and a stranger see it."""

    names = ("logs", "a-1", "a-2", "a-9")

    def __init__(self, folder, port):
        self.folder, self.port = folder / "kept", port
        self.own, self.one, self.two, self.stranger = (Client(folder / f"{one}.key", folder / f"{one}.pem") for one in self.names)

    def silent(self, source=ADDRESS):
        """Return a connection without TLS, from an address."""
        return socket.create_connection((ADDRESS, self.port), timeout=WAIT, source_address=(source, 0))

    def connect(self, client, source=ADDRESS):
        return context(self.own, client).wrap_socket(self.silent(source), server_hostname=ADDRESS)

    def said(self, name):
        return "".join(file.read_text() for file in sorted((self.folder / name).glob("*.log")))

    def refusal(self, client):
        return refusal(ADDRESS, self.port, "logs", str(self.own.certificate), str(client.certificate), str(client.key))


class Running(There):
    """One that runs in this process."""

    def __init__(self, folder):
        for name in self.names:
            identity(folder, name)
        super().__init__(folder, free_ports(1)[0])
        self.folder.mkdir()
        nodes = {name: each.certificate.read_text() for name, each in (("a-1", self.one), ("a-2", self.two))}
        self.place = Place(ADDRESS, self.port, self.own.key, self.own.certificate, nodes, handshake_seconds=SHORT)
        self.store = Store(self.folder, Bounds(3, 1 << 20, 0), time.time)


def framed(*messages):
    return b"".join(b"%d %s" % (len(one), one) for one in messages)


@contextlib.contextmanager
def served(folder):
    """Serve while the block runs."""
    found, ready, loop = Running(folder), threading.Event(), asyncio.new_event_loop()
    task = loop.create_task(serve(found.store, found.place, ready.set))

    def work():
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(WAIT)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(WAIT)

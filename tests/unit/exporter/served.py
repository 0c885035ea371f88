"""A real exporter on loopback, in a thread of its own, and clients that are let in, or try to be."""

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nodeops.exporter import askers, certificates
from nodeops.exporter.cache import Runner
from nodeops.exporter.server import Exporter, Place, serve
from nodeops.metrics.collector import Collector
from tests.ports import free_ports
from tests.unit.firewall.samples import document

ADDRESS = "127.0.0.1"
WAIT = 30.0


@dataclass(frozen=True)
class Client:
    """Files of a client, or of a server."""

    key: Path
    certificate: Path


def identity(folder: Path, name: str) -> Client:
    """Return a key and a self-signed certificate for loopback."""
    key = certificates.new_key()
    files = Client(folder / f"{name}.key", folder / f"{name}.pem")
    files.key.write_bytes(certificates.key_text(key))
    files.certificate.write_bytes(certificates.self_signed(name, ADDRESS, key, datetime.now(UTC)))
    return files


def context(server: Client, client: Client | None) -> ssl.SSLContext:
    """Return what a monitor uses: it trusts this server's certificate alone and checks the address."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(server.certificate)
    if client:
        made.load_cert_chain(client.certificate, client.key)
    return made


@dataclass(frozen=True)
class Served:
    """An exporter that listens, and the context of a monitor it lets in."""

    place: Place
    server: Client
    monitor: Client

    def connect(self, source: str = ADDRESS) -> socket.socket:
        """Return a connection without TLS, from an address."""
        return socket.create_connection((ADDRESS, self.place.port), timeout=WAIT, source_address=(source, 0))

    def ask(self, page: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str]:
        """Return status and text that the monitor gets."""
        connection = self.connection()
        try:
            connection.request(method, page, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPSConnection:
        """Return a connection of the monitor."""
        trusted = context(self.server, self.monitor)
        return http.client.HTTPSConnection(ADDRESS, self.place.port, context=trusted, timeout=WAIT)


@contextlib.contextmanager
def served(folder: Path, *collectors: Collector, idle_seconds: float = WAIT, monitors: bool = True) -> Iterator[Served]:
    """Serve collectors while the block runs."""
    server, monitor = identity(folder, "node"), identity(folder, "monitor")
    trusted = folder / "monitors.pem"
    trusted.write_bytes(monitor.certificate.read_bytes() if monitors else b"")
    (port,) = free_ports(1, ADDRESS)
    place = Place(ADDRESS, port, server.key, server.certificate, trusted, folder / "exporter.sock", idle_seconds)
    loop = asyncio.new_event_loop()
    asked = askers.Askers()
    exporter = Exporter([Runner(one, document()) for one in (*collectors, askers.collector(asked))], askers=asked)
    task = loop.create_task(serve(exporter, place))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    until(place.socket.exists)
    until(lambda: answers(port))
    try:
        yield Served(place, server, monitor)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(WAIT)


def answers(port: int) -> bool:
    """Tell whether anything listens."""
    try:
        socket.create_connection((ADDRESS, port), timeout=1).close()
    except OSError:
        return False
    return True


def until(true):
    """Wait until something is true."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)

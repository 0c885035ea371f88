"""Serve what was collected: to monitors over TLS that asks for their certificate, to this host over a socket of its own.

Three pages and nothing else; a limit on who is connected and what is asked at once, on how long a client may take, and on how
much it may say.
"""

import asyncio
import logging
import socket
import ssl
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler

from nodeops.core.guests import MOST_CONNECTIONS, Guests
from nodeops.core.printable import printable
from nodeops.exporter.askers import Askers
from nodeops.exporter.cache import Runner
from nodeops.exporter.certificates import names
from nodeops.exporter.text_files import TextFileLook
from nodeops.host.units.notify import notify
from nodeops.metrics.exposition import families

# Two monitors and a person at once, with room; one scrape takes some milliseconds.
MOST_AT_ONCE = 4
# From the connection to the end of the request's head: TLS included, and longer than monitors pause between scrapes.
IDLE_SECONDS = 20.0
_HEADER_BYTES = 8 << 10
_BACKLOG = 512
_WATCHDOG_SECONDS = 10.0
_COMPLAINT_SECONDS, _BREATH_SECONDS = 60.0, 0.1


class Exporter:
    """Everything that is exported: the runners' samples, and the families of custom metrics. `askers` learns who asks."""

    def __init__(self, runners: Sequence[Runner], text: tuple[Runner, TextFileLook] | None = None, askers: Askers | None = None):
        self._runners = runners
        self._text = text
        self.askers = askers or Askers()
        self.at_once = 0

    def start(self) -> None:
        """Let every collector begin."""
        for runner in self._all():
            runner.start()

    def _all(self) -> list[Runner]:
        return [*self._runners, *([self._text[0]] if self._text else [])]

    def ready(self) -> bool:
        """Tell whether every collector has looked once, or took too long."""
        return all(runner.ended_a_round() for runner in self._all() if runner.collector.interval_seconds)

    def exposition(self) -> bytes:
        """Return all metrics in the text format."""
        samples = [sample for runner in self._all() for sample in runner.samples()]
        custom = self._text[1].families if self._text and self._text[0].up() else []
        return generate_latest(_Families([*families(samples), *custom]))


class _Families:
    """What prometheus-client asks of a registry when it writes the text."""

    def __init__(self, found: Iterable[Metric]):
        self._found = found

    def collect(self) -> Iterator[Metric]:
        yield from self._found


class _Page(RequestHandler):
    """A page for GET alone. Nothing about the server is said in headers."""

    def initialize(self, exporter: Exporter) -> None:
        self.exporter = exporter

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **_: object) -> None:
        self.finish(f"{status_code}\n")


class _Metrics(_Page):
    async def get(self) -> None:
        if self.exporter.at_once >= MOST_AT_ONCE:
            self.set_status(503)
            self.finish("too many scrapes at once\n")
            return
        self.exporter.at_once += 1
        # On this host's own socket there is no certificate.
        if self.request.protocol == "https":
            self.exporter.askers.note(cast("dict[str, Any]", self.request.get_ssl_certificate() or {}))
        try:
            # In a thread: a collector that is asked now must not stop the others' connections.
            self.finish(await asyncio.to_thread(self.exporter.exposition))
        finally:
            self.exporter.at_once -= 1


class _Live(_Page):
    def get(self) -> None:
        self.finish("alive\n")


class _Ready(_Page):
    def get(self) -> None:
        ready = self.exporter.ready()
        self.set_status(200 if ready else 503)
        self.finish("ready\n" if ready else "not every collector has looked yet\n")


class _Nothing(_Page):
    def prepare(self) -> None:
        self.set_status(404)
        self.finish("404\n")


@dataclass(frozen=True)
class Place:
    """Where to listen: address and port for monitors, with the files of TLS; and the socket for this host.

    A client that has not asked within `idle_seconds`, its handshake included, is cut off.
    """

    address: str
    port: int
    key: Path
    certificate: Path
    monitors: Path
    socket: Path
    idle_seconds: float = IDLE_SECONDS


def tls(place: Place) -> ssl.SSLContext:
    """Return the context of the server: TLS 1.3, and a client certificate that is one of the monitors', byte for byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(place.certificate, place.key)
    context.verify_mode = ssl.CERT_REQUIRED
    monitors = place.monitors.read_text(encoding="ascii").strip()
    if monitors:
        context.load_verify_locations(cadata=monitors)
    return context


class _Server(HTTPServer):
    """Closes the connections that are too many before TLS takes memory or processor for them."""

    guests: Guests

    def _handle_connection(self, connection: socket.socket, address: Any) -> None:
        if self.guests.full(_host(address)):
            connection.close()
        else:
            super()._handle_connection(connection, address)

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        self.guests.came(_host(address))
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        super().on_close(server_conn)
        self.guests.left(_host(cast("Any", cast("HTTP1ServerConnection", server_conn).context).address))


def _host(address: Any) -> str:
    """Return the host in an address; one of the socket of this host has none."""
    return str(address[0]) if isinstance(address, tuple) else ""


class _Complaints:
    """Says what went wrong in the loop, once a minute: a host without free descriptors fails at each turn of it."""

    def __init__(self) -> None:
        self._said = -_COMPLAINT_SECONDS

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        now, error = time.monotonic(), context.get("exception")
        if now - self._said >= _COMPLAINT_SECONDS:
            self._said = now
            sys.stderr.write(f"{context['message']}: {printable(repr(error))}\n")
            sys.stderr.flush()
        if isinstance(error, OSError):
            # Whoever connects still waits to be taken in: without a pause the loop would ask for a descriptor for ever.
            time.sleep(_BREATH_SECONDS)


def _server(exporter: Exporter, context: ssl.SSLContext | None, idle_seconds: float) -> HTTPServer:
    given = {"exporter": exporter}
    pages = [("/metrics", _Metrics, given), ("/livez", _Live, given), ("/readyz", _Ready, given)]
    application = Application(pages, default_handler_class=_Nothing, default_handler_args=given, log_function=lambda _: None)
    server = _Server(
        application,
        ssl_options=context,
        idle_connection_timeout=idle_seconds,
        body_timeout=idle_seconds,
        max_header_size=_HEADER_BYTES,
        max_body_size=0,
    )
    # The socket of this host has no addresses; who may open it is root and the exporter.
    server.guests = Guests() if context else Guests(most_each=MOST_CONNECTIONS)
    return server


async def serve(exporter: Exporter, place: Place) -> None:
    """Serve until the process is ended. Raise OSError when an address is taken, ssl.SSLError for files that do not fit."""
    # What strangers send is their own trouble: one line each would let them fill the journal.
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    asyncio.get_running_loop().set_exception_handler(_Complaints())
    exporter.askers.expect(names(place.monitors.read_bytes()))
    exporter.start()
    local, public = (_server(exporter, context, place.idle_seconds) for context in (None, tls(place)))
    local.add_socket(bind_unix_socket(str(place.socket), mode=0o600, backlog=_BACKLOG))
    public.listen(place.port, place.address, backlog=_BACKLOG)
    notify("READY=1")
    while True:
        await asyncio.sleep(_WATCHDOG_SECONDS)
        notify("WATCHDOG=1")

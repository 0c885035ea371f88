"""Take what nodes send: syslog over TLS, each node known by its certificate and by nothing that it says. Nothing is answered."""

import asyncio
import hashlib
import logging
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nodeops.core.guests import Guests
from nodeops.host.units.notify import notify
from nodeops.log_host.frames import Frames
from nodeops.log_host.store import Store

# A node has one connection, and one for a moment while it asks whether it is let in; those that died unseen make room.
MOST_OF_A_NODE = 4
HANDSHAKE_SECONDS = 20.0
_BACKLOG = 512
_BREATH_SECONDS = 0.1
_READ_BYTES = 64 << 10
_TURN_SECONDS = 5.0
# A connection whose other side vanished ends within some minutes.
_ALIVE = ((socket.TCP_KEEPIDLE, 120), (socket.TCP_KEEPINTVL, 30), (socket.TCP_KEEPCNT, 4))


@dataclass(frozen=True)
class Place:
    """Where to listen, the files of TLS, and the nodes that are let in: their certificates (PEM) by name."""

    address: str
    port: int
    key: Path
    certificate: Path
    nodes: Mapping[str, str]
    handshake_seconds: float = HANDSHAKE_SECONDS


def tls(place: Place) -> ssl.SSLContext:
    """Return the context of the server: TLS 1.3, and a client certificate that is one of the nodes', byte for byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(place.certificate, place.key)
    context.verify_mode = ssl.CERT_REQUIRED
    # A session that is taken up again shows no certificate.
    context.num_tickets = 0
    if trusted := "".join(place.nodes.values()).strip():
        context.load_verify_locations(cadata=trusted)
    return context


class Receiver:
    """Writes into a store what comes on each connection, under the name that its certificate stands for."""

    def __init__(self, store: Store, nodes: Mapping[str, str]):
        self._store = store
        self._names = {_digest(ssl.PEM_cert_to_DER_cert(pem)): name for name, pem in nodes.items()}
        self._open: dict[str, list[asyncio.StreamWriter]] = defaultdict(list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the messages of one connection until it ends, or says what is none."""
        name = self._names.get(_digest(writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""))
        if name is None:
            writer.transport.abort()
            return
        self._admit(name, writer)
        frames = Frames()
        try:
            while data := await reader.read(_READ_BYTES):
                if messages := frames.feed(data):
                    self._store.add(name, messages)
        except (OSError, ValueError):
            pass
        finally:
            self._open[name].remove(writer)
            writer.transport.abort()

    def _admit(self, name: str, writer: asyncio.StreamWriter) -> None:
        for option, value in _ALIVE:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, option, value)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._open[name].append(writer)
        for oldest in self._open[name][:-MOST_OF_A_NODE]:
            oldest.transport.abort()


def _digest(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


class _Door:
    """Lets connections in while there are not too many, before TLS takes memory or processor for them."""

    def __init__(self, receiver: Receiver, place: Place):
        self._receiver, self._place, self._tls = receiver, place, tls(place)
        self._guests = Guests()
        self._inside: set[asyncio.Task[None]] = set()

    async def keep(self, listening: socket.socket) -> None:
        """Let in who comes, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, (host, *_) = await loop.sock_accept(listening)
            except OSError:
                # Without a free descriptor whoever connects still waits: to ask at once again would take the processor.
                await asyncio.sleep(_BREATH_SECONDS)
                continue
            if self._guests.full(host):
                connection.close()
            else:
                self._let_in(connection, host)
            # While somebody waits, nothing above pauses: a crowd at the door must not keep those inside from being heard.
            await asyncio.sleep(0)

    def _let_in(self, connection: socket.socket, host: str) -> None:
        self._guests.came(host)
        task = asyncio.create_task(self._hear(connection, host))
        self._inside.add(task)
        task.add_done_callback(self._inside.discard)

    async def _hear(self, connection: socket.socket, host: str) -> None:
        reader = asyncio.StreamReader(limit=_READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop, seconds = asyncio.get_running_loop(), self._place.handshake_seconds
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._tls, ssl_handshake_timeout=seconds
            )
            await self._receiver.take(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        except OSError:
            # No TLS, no certificate that is let in, or no word in time: the connection is closed.
            pass
        finally:
            self._guests.left(host)


async def serve(store: Store, place: Place, turn: Callable[[], None]) -> None:
    """Serve until the process is ended; `turn` is called now and then. Raise OSError when the port is taken, ssl.SSLError for
    files that do not fit.
    """
    # What strangers send is their own trouble: one line each would let them fill the journal.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    door = _Door(Receiver(store, place.nodes), place)
    with socket.create_server((place.address, place.port), backlog=_BACKLOG) as listening:
        listening.setblocking(False)
        turn()
        notify("READY=1")
        await asyncio.gather(door.keep(listening), _take_turns(turn))


async def _take_turns(turn: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_TURN_SECONDS)
        turn()
        notify("WATCHDOG=1")

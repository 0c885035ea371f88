"""Ask each peer once a second over UDP and answer the members that ask: one process, one thread, no memory that grows.

Nothing is sent to anybody but members, at the addresses of the consortium file and the mesh port; an answer is as large as its
question, and each question gets one.
"""

import heapq
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from nodeops.mesh.carried import Carriage
from nodeops.mesh.keys import Shared
from nodeops.mesh.once import Once
from nodeops.mesh.packet import ANSWER, QUESTION, Packet, opened, packed, sender
from nodeops.mesh.window import Window

INTERVAL_SECONDS = 1.0
# What a member may ask for: twice what it sends, and some at once after a pause of the network.
_ANSWERS_A_SECOND, _ANSWERS_AT_ONCE = 2.0, 30.0
_AT_ONCE = 64
_ROOM_FOR_STAMP = socket.CMSG_SPACE(16)
_STAMP = struct.Struct("@qq")
# include/uapi/asm-generic/socket.h: the kernel says when it received a packet, in nanoseconds of the wall clock.
_SO_TIMESTAMPNS = 35
SELF = ""


@dataclass
class Peer:
    """A member: its addresses (names are resolved by the caller), what it shares with us, and whether we ask it."""

    name: str
    addresses: Sequence[str]
    shared: Shared
    asked: bool
    window: Window = field(default_factory=Window)
    carriage: Carriage = field(default_factory=Carriage)
    questions: Once = field(default_factory=Once)
    _allowance: float = _ANSWERS_AT_ONCE
    _allowed_at: float = 0.0

    def may_ask(self, now: float) -> bool:
        """Tell whether one more question of this member is answered, and take it down."""
        refill = (now - self._allowed_at) * _ANSWERS_A_SECOND
        self._allowance, self._allowed_at = min(_ANSWERS_AT_ONCE, self._allowance + refill), now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


@dataclass
class Refused:
    """Packets that were not believed, and questions that came before or were too many."""

    strangers: int = 0
    forged: int = 0
    repeated: int = 0
    too_many: int = 0


def open_sockets(bind: str, port: int, peers: Sequence[Peer]) -> list[socket.socket]:
    """Return a socket for each family that peers have; all addresses, or loopback alone. Raise OSError when it is taken."""
    loopback = ip_address(bind).is_loopback
    wanted = [(socket.AF_INET, bind)]
    if any(":" in address for peer in peers for address in peer.addresses):
        wanted.append((socket.AF_INET6, "::1" if loopback else "::"))
    return [_socket(family, address, port) for family, address in wanted]


def _socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.bind((address, port))
    return made


class Prober:
    """Asks and answers. `own` is what this node calls itself in packets; `peers` are all members, this node under `SELF`."""

    def __init__(self, own: bytes, peers: Sequence[Peer], sockets: Sequence[socket.socket], port: int):
        self.peers = {peer.name: peer for peer in peers}
        self.refused = Refused()
        self._own, self._run, self._port = own, os.urandom(8), port
        # Two members may show one key, when one was copied from the other: then the address tells whose a packet is.
        self._by_mark: dict[bytes, list[Peer]] = {}
        for peer in peers:
            self._by_mark.setdefault(peer.shared.mark, []).append(peer)
        self._sockets = {one.family: one for one in sockets}
        self._number = 0
        # Number -> when it was sent, by the wall clock (nanoseconds) and by the one that nobody sets (seconds).
        self._sent: dict[int, tuple[int, float]] = {}
        self._selector = selectors.DefaultSelector()
        for one in sockets:
            self._selector.register(one, selectors.EVENT_READ)
        self._due = [(self._first(place, len(peers)), peer.name) for place, peer in enumerate(peers) if peer.asked]
        heapq.heapify(self._due)

    @staticmethod
    def _first(place: int, count: int) -> float:
        # Spread over the second, and from where it happens to be: all hosts that ask at once would measure each other.
        return time.monotonic() + INTERVAL_SECONDS * (place + os.urandom(1)[0] / 256) / count

    def run(self, every_second: Callable[[], None]) -> None:
        """Go on for ever; `every_second` is called that often and may raise to end it."""
        look_at = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= look_at:
                look_at = now + INTERVAL_SECONDS
                self._look(now)
                every_second()
            self._ask(now)
            wait = min(look_at, self._due[0][0] if self._due else look_at) - time.monotonic()
            for key, _ in self._selector.select(max(0.0, wait)):
                self._receive(self._sockets[key.fileobj.family])  # type: ignore[union-attr]  # only sockets are registered

    def readdress(self, found: Mapping[str, Sequence[str]]) -> None:
        """Take over the addresses that names have now."""
        for name, addresses in found.items():
            if name in self.peers and addresses:
                self.peers[name].addresses = addresses

    def _look(self, now: float) -> None:
        for peer in self.peers.values():
            peer.window.look(now)
        for number in [one for one, (_, at) in self._sent.items() if now - at > 60]:
            del self._sent[number]

    def _ask(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            due, name = heapq.heappop(self._due)
            # A host that slept does not make up for what it missed.
            heapq.heappush(self._due, (max(due + INTERVAL_SECONDS, now), name))
            self._question(self.peers[name])

    def _question(self, peer: Peer) -> None:
        self._number += 1
        data = packed(Packet(QUESTION, self._own, self._run, self._number), peer.shared.key)
        self._sent[self._number] = (time.time_ns(), time.monotonic())
        if self._send(data, peer.addresses[0], self._port):
            peer.window.asked(self._number, time.monotonic())
        else:
            peer.window.not_sent(time.monotonic())

    def _send(self, data: bytes, address: str, port: int) -> bool:
        one = self._sockets.get(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            return one is not None and one.sendto(data, (address, port)) == len(data)
        except OSError:
            return False

    def _receive(self, one: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, extra, _, (address, *_) = one.recvmsg(256, _ROOM_FOR_STAMP)
            except BlockingIOError:
                return
            except OSError:
                # What a host on the way answered to an earlier packet: that one is lost, which is counted.
                continue
            self._take(data, address, _stamped(extra))

    def _take(self, data: bytes, address: str, stamp: int) -> None:
        marked = self._by_mark.get(sender(data) or b"", ())
        peer = next((one for one in marked if address in one.addresses), None)
        if peer is None:
            self.refused.strangers += 1
            return
        packet = opened(data, peer.shared.key)
        if packet is None:
            self.refused.forged += 1
        elif packet.kind == QUESTION:
            self._answer(peer, packet, address, stamp)
        elif packet.run == self._run:
            self._heard(peer, packet, stamp)

    def _answer(self, peer: Peer, packet: Packet, address: str, stamp: int) -> None:
        # First: what somebody sends again must not use up what the member may ask.
        if not peer.questions.take(packet.run, packet.number):
            self.refused.repeated += 1
            return
        if not peer.may_ask(time.monotonic()):
            self.refused.too_many += 1
            return
        hold = max(0, time.time_ns() - stamp)
        # Members ask from the port that they are asked at: nothing else on a member's host ever gets an answer.
        self._send(packed(Packet(ANSWER, self._own, packet.run, packet.number, hold), peer.shared.key), address, self._port)

    def _heard(self, peer: Peer, packet: Packet, stamp: int) -> None:
        now, sent = time.monotonic(), self._sent.get(packet.number)
        if sent is not None:
            peer.window.answered(packet.number, now, round_trip(sent, stamp, now, packet.hold))


def round_trip(sent: tuple[int, float], stamp: int, now: float, hold: int) -> float:
    """Return the seconds on the way: by the kernel's stamp, and by the clock that nobody sets where the wall clock was set since.

    `sent` is the moment of sending by both clocks, `stamp` the kernel's of the answer, `hold` how long the peer had it.
    """
    most = now - sent[1]
    found = (stamp - sent[0]) / 1e9
    if not 0 <= found <= most:
        found = most
    return max(0.0, found - hold / 1e9)


def _stamped(extra: Sequence[tuple[int, int, bytes]]) -> int:
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack(data[: _STAMP.size])
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()


def warn(text: str) -> None:
    """Write a line into the unit's journal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

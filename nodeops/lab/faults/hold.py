"""Hold back what a host sends for a while: a program for the host's own Python, sent there as text by `plan.slow`.

`hold.py TABLE CHAIN MILLISECONDS JITTER` adds to an nft chain of family `ip` a rule that gives every packet to this program, by
the target NFQUEUE of x_tables: kernels without sch_netem and nft's `queue` have it, and the rule is put there over netlink,
because nft cannot write it. Packets stay in the kernel; only their numbers come here, and go back when it is their time. Without
this program, or with too much to hold, the kernel lets packets through as if there were no rule.

It knows nothing of nodeops and needs nothing but Python, so that a host needs nothing either.
"""

import heapq
import os
import random
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence

# Names and numbers of linux/netlink.h and linux/netfilter/{nfnetlink,nf_tables,nf_tables_compat,nfnetlink_queue,xt_NFQUEUE}.h.
_NETLINK_NETFILTER, _SOL_NETLINK, _NETLINK_NO_ENOBUFS, _SO_RCVBUFFORCE = 12, 270, 5, 33
_REQUEST, _ACK, _CREATE, _APPEND, _NESTED = 0x1, 0x4, 0x400, 0x800, 0x8000
_BATCH_BEGIN, _BATCH_END, _NFTABLES, _NEW_RULE = 0x10, 0x11, 10, 10 << 8 | 6
_PACKET, _VERDICT, _CONFIG = 3 << 8 | 0, 3 << 8 | 1, 3 << 8 | 2
_ACCEPT, _BIND, _COPY_META, _FAIL_OPEN, _GSO, _BYPASS = 1, 1, 1, 0x1, 0x4, 0x1
_HEADER = struct.Struct("=IHHIIBBH")

# Of the host's network namespace, where nobody else has one.
_QUEUE = 4711
_MOST_HELD, _BUFFER_BYTES = 1 << 16, 8 << 20


class Held:
    """The numbers of packets, each with the time at which it may go on. Times are seconds of a clock that never goes back."""

    def __init__(self, delay: float, jitter: float, chance: Callable[[], float] = random.random) -> None:
        """Hold for `delay` seconds, each packet up to `jitter` more or less: then one may overtake another, else none does."""
        self._delay, self._jitter, self._chance = delay, jitter, chance
        self._heap: list[tuple[float, int]] = []

    def arrived(self, packet: int, now: float) -> None:
        """Hold one more."""
        heapq.heappush(self._heap, (now + self._delay + self._jitter * (2 * self._chance() - 1), packet))

    def due(self, now: float) -> list[int]:
        """Return those whose time has come, and forget them."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            found.append(heapq.heappop(self._heap)[1])
        return found

    def wait(self, now: float) -> float | None:
        """Return the seconds until the next one's time; None while nothing is held."""
        return max(0.0, self._heap[0][0] - now) if self._heap else None


def attribute(kind: int, value: bytes) -> bytes:
    """Return one netlink attribute, padded to four bytes."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, flags: int, body: bytes = b"", family: int = 0, resource: int = 0) -> bytes:
    """Return one message of netfilter: header of netlink, header of nfnetlink, attributes."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 0, 0, family, 0, socket.htons(resource)) + body


def rule(table: str, chain: str) -> bytes:
    """Return the batch that appends to a chain of family `ip`: every packet to the queue, or on its way when nobody reads it."""
    target = (
        attribute(1, b"NFQUEUE\0") + attribute(2, struct.pack(">I", 3)) + attribute(3, struct.pack("=HHHxx", _QUEUE, 1, _BYPASS))
    )
    expression = attribute(1, b"target\0") + attribute(2 | _NESTED, target)
    body = attribute(1, table.encode() + b"\0") + attribute(2, chain.encode() + b"\0")
    body += attribute(4 | _NESTED, attribute(1 | _NESTED, expression))
    added = message(_NEW_RULE, _REQUEST | _ACK | _CREATE | _APPEND, body, socket.AF_INET)
    return message(_BATCH_BEGIN, _REQUEST, resource=_NFTABLES) + added + message(_BATCH_END, _REQUEST, resource=_NFTABLES)


def settings() -> list[bytes]:
    """Return what makes the queue ours: numbers of packets only, none cut into pieces, and on their way when it is full."""
    numbers_only = attribute(2, struct.pack(">IB", 0, _COPY_META)) + attribute(3, struct.pack(">I", _MOST_HELD))
    flags = struct.pack(">I", _FAIL_OPEN | _GSO)
    bodies = attribute(1, struct.pack(">BBH", _BIND, 0, 0)), numbers_only + attribute(4, flags) + attribute(5, flags)
    return [message(_CONFIG, _REQUEST | _ACK, body, resource=_QUEUE) for body in bodies]


def let_go(packets: Sequence[int]) -> bytes:
    """Return what sends packets on their way."""
    return b"".join(
        message(_VERDICT, _REQUEST, attribute(2, struct.pack(">II", _ACCEPT, one)), resource=_QUEUE) for one in packets
    )


def packet_of(data: bytes) -> int | None:
    """Return the number of the packet that a message of the kernel announces; None when it announces none."""
    length, kind = struct.unpack_from("=IH", data)
    at = _HEADER.size
    while kind == _PACKET and at + 8 <= length:
        size, what = struct.unpack_from("=HH", data, at)
        if what == 1:
            return int(struct.unpack_from(">I", data, at + 4)[0])
        at += size + 3 & ~3
    return None


def _opened(requests: Sequence[bytes]) -> socket.socket:
    """Return a socket on which the kernel has agreed to each request. Raise OSError with its reason."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    link.bind((0, 0))
    for request in requests:
        link.send(request)
        code = struct.unpack_from("=i", link.recv(_BUFFER_BYTES), 16)[0]
        if code:
            raise OSError(-code, os.strerror(-code))
    return link


def _ready() -> None:
    """Tell systemd, if it started this, that packets are held from now on (sd_notify(3))."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(b"READY=1", where.replace("@", "\0", 1) if where.startswith("@") else where)


def _hold(link: socket.socket, held: Held) -> None:
    while True:
        due = held.due(time.monotonic())
        if due:
            link.send(let_go(due))
        if select.select([link], [], [], held.wait(time.monotonic()))[0]:
            packet = packet_of(link.recv(_BUFFER_BYTES))
            if packet is not None:
                held.arrived(packet, time.monotonic())


def main(table: str, chain: str, milliseconds: str, jitter: str) -> None:
    """Hold packets back until SIGTERM; what is held then goes on its way."""
    held = Held(int(milliseconds) / 1000, int(jitter) / 1000)
    try:
        link = _opened(settings())
        link.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        link.setsockopt(_SOL_NETLINK, _NETLINK_NO_ENOBUFS, 1)
        _opened([rule(table, chain)]).close()
    except OSError as error:
        needed = "CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_TARGET_NFQUEUE, CONFIG_NETFILTER_NETLINK_QUEUE"
        sys.exit(f"the kernel does not let packets be held back ({error.strerror}); it needs {needed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    _ready()
    try:
        _hold(link, held)
    finally:
        link.send(let_go(held.due(float("inf"))))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The mesh prober with 100 peers, as Markdown: what it costs, whether it counts as lost what was lost, whom it blames.

A prober asks 100 peers once a second and is asked by them as often, on loopback in a network of its own; the peers are one other
process. Then the kernel drops answers by chance and counts them. Last, faults of known origin are drawn by chance and judged.
"""

import argparse
import contextlib
import ctypes
import heapq
import multiprocessing
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from random import Random

from nodeops.mesh import status
from nodeops.mesh.carried import Growth, between
from nodeops.mesh.keys import Shared
from nodeops.mesh.packet import ANSWER, QUESTION, Packet, opened, packed
from nodeops.mesh.prober import SELF, Peer, Prober, Refused, open_sockets
from nodeops.mesh.seen import Measured
from nodeops.mesh.tcp import established
from nodeops.mesh.verdict import Standing, blames, standing
from nodeops.mesh.window import TIMEOUT_SECONDS

_PORT, _OWN = 9656, "127.0.0.1"
_NEW_NETWORK = 0x40000000
_DROPPED = "table ip lossy {{ counter gone {{ }}; chain c {{ type filter hook input priority 0; {rule} }}; }}"


def network_of_its_own() -> None:
    """Leave for a network with nothing but loopback. Raise OSError for anybody but root."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "no network of its own: run as root")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def members(count: int) -> list[Peer]:
    """Return peers at addresses of loopback, the same in both processes."""
    shared = [Shared(number.to_bytes(8, "big"), b"k" * 32) for number in range(1, count + 1)]
    return [Peer(f"p{one.mark.hex()}", (f"127.0.{at // 250 + 1}.{at % 250 + 1}",), one, True) for at, one in enumerate(shared)]


def be_the_peers(count: int) -> None:
    """Answer every question, and ask once a second from every address, until the process is ended."""
    peers, run, number = members(count), os.urandom(8), 0
    ready, due = selectors.DefaultSelector(), []
    for at, peer in enumerate(peers):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        one.bind((peer.addresses[0], _PORT))
        ready.register(one, selectors.EVENT_READ, peer)
        due.append((time.monotonic() + at / count, at, one))
    while True:
        when, at, asking = heapq.heappop(due)
        while (left := when - time.monotonic()) > 0:
            for key, _ in ready.select(left):
                _answer(key.fileobj, key.data)  # type: ignore[arg-type]
        number += 1
        question = Packet(QUESTION, peers[at].shared.mark, run, number)
        asking.sendto(packed(question, peers[at].shared.key), (_OWN, _PORT))
        heapq.heappush(due, (when + 1, at, asking))


def _answer(one: socket.socket, peer: Peer) -> None:
    data, whence = one.recvfrom(256)
    packet = opened(data, peer.shared.key)
    if packet is not None and packet.kind == QUESTION:
        one.sendto(packed(Packet(ANSWER, peer.shared.mark, packet.run, packet.number), peer.shared.key), whence)


class Asking:
    """A prober at work in this process, with all that its unit does every five seconds."""

    def __init__(self, count: int) -> None:
        self.itself = Peer(SELF, (_OWN,), Shared(b"\0" * 8, b"s" * 32), asked=True)
        found = [self.itself, *members(count)]
        self.prober = Prober(self.itself.shared.mark, found, open_sockets(_OWN, _PORT, [self.itself]), _PORT)
        self._file = Path(tempfile.mkdtemp()) / "status.json"
        self._growth = Growth()
        self._written = 0.0
        self._until = 0.0

    def work(self, seconds: float) -> tuple[float, float]:
        """Go on for so long; return the share of a core that it took, and the memory of the process in bytes."""
        began, before = time.monotonic(), _spent()
        self._until = began + seconds
        with contextlib.suppress(StopIteration):
            self.prober.run(self._tick)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return (_spent() - before) / (time.monotonic() - began), memory

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._until:
            raise StopIteration
        if now - self._written >= status.WRITE_SECONDS:
            self._written = now
            connections = established()
            grown = self._growth.since(connections)
            for peer in self.prober.peers.values():
                peer.carriage.looked(now, between(connections, peer.addresses), grown)
            status.write(self._file, status.seen("own", self.prober.peers, Refused(), []))

    def counted(self) -> tuple[int, int]:
        """Return questions that were sent to peers, and those that were lost."""
        counts = [peer.window.counts for name, peer in self.prober.peers.items() if name != SELF]
        return sum(one.sent for one in counts), sum(one.lost for one in counts)

    def settle(self) -> None:
        """Ask no more until every question has its fate."""
        self.prober._due.clear()
        self.work(TIMEOUT_SECONDS + 2)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def dropped() -> int:
    """Return how many packets the kernel dropped."""
    said = subprocess.run(["nft", "list", "counter", "ip", "lossy", "gone"], capture_output=True, text=True, check=True).stdout
    return int(said.split("packets")[1].split()[0])


def measured(count: int, seconds: float) -> list[str]:
    """Measure cost and loss with so many peers, in a network of its own."""
    network_of_its_own()
    peers = multiprocessing.get_context("fork").Process(target=be_the_peers, args=(count,), daemon=True)
    peers.start()
    try:
        asking = Asking(count)
        asking.work(3)
        share, memory = asking.work(seconds)
        before = asking.counted()
        # Only answers of peers: the byte at 4 of a packet is its kind.
        rule = f"ip saddr != {_OWN} udp sport {_PORT} @th,96,8 {ANSWER} numgen random mod 100 < 10 counter name gone drop;"
        subprocess.run(["nft", "-f", "-"], input=_DROPPED.format(rule=rule).encode(), check=True)
        asking.work(seconds / 2)
        asking.settle()
        asked, lost = asking.counted()
        gone = dropped()
    finally:
        peers.terminate()
    cost = f"{share:.1%} of a core, {memory / (1 << 20):.0f} MiB"
    counted = f"{gone}, {lost - before[1]} of {asked - before[0]}"
    return [
        f"| {count} peers asked and answered at 1 Hz, for {seconds:.0f} s | {cost} | 4 % |",
        f"| lost while the kernel dropped none | {before[1]} of {before[0]} | 0 |",
        f"| answers that the kernel then dropped, questions counted as lost | {counted} | the same |",
    ]


def blamed(faults: int, seed: int) -> list[str]:
    """Draw faults of a node's uplink or of a path, let every end measure a minute, and count who was blamed."""
    draw, right, wrong = Random(seed), 0, 0  # noqa: S311 - chance, not secrecy
    for _ in range(faults):
        names = [f"n{one}" for one in range(draw.randint(4, 9))]
        culprit = draw.choice([(name,) for name in names] + list(combinations(names, 2)))
        loss = draw.uniform(0.1, 1)
        views = {one: {other: _standing(draw, {one, other}, culprit, loss) for other in names if other != one} for one in names}
        found = [blame.nodes for blame in blames(views)]
        right += found == [culprit]
        wrong += any(not set(nodes) & set(culprit) for nodes in found)
    return [
        f"| of {faults} random faults, laid where they are | {right} | {faults * 95 // 100} |",
        f"| of {faults} random faults, laid at somebody who had none | {wrong} | 0 |",
    ]


def _standing(draw: Random, ends: set[str], culprit: Sequence[str], loss: float) -> Standing:
    lost = sum(draw.random() < loss for _ in range(60)) if set(culprit) <= ends else 0
    counts = {"sent": 60, "answered": 60 - lost, "lost": lost, "late": 0, "duplicate": 0, "unsent": 0, "recent": 60}
    median = None if lost == 60 else 0.01
    times = {"rtt_median": median, "rtt_p99": median, "jitter": 0.0, "silent_seconds": 0.0}
    return standing(Measured.model_validate({**counts, "recent_lost": lost, **times}))


def section() -> list[str]:
    """Return the section of RESULTS.md, from a process of its own: it leaves the network. Takes a minute and a half."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=40.0)
    chosen = parser.parse_args()
    head = ["## The mesh", "", "On loopback, in a network of its own (`benchmarks/mesh.py`):", ""]
    rows = ["| what | measured | bar |", "|---|---|---|", *measured(chosen.peers, chosen.seconds), *blamed(400, 1)]
    sys.stdout.write("\n".join([*head, *rows, ""]) + "\n")

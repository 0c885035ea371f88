"""What the ledger's own connections to one peer carried, and had to send twice: counted over connections that come and go. Pure.

Probes are small and few. Whether large packets get through, and what the ledger's own traffic suffers, only its own connections
tell: no connection is opened for this, since each would cost the peer one of its places.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from nodeops.mesh.seen import Carried
from nodeops.mesh.window import RECENT_SECONDS

# Looks are 5 s apart: after two that failed, what was seen before them is not of now.
FRESH_SECONDS = 12.0
_MISSING_LOOKS = 12


@dataclass(frozen=True)
class Connection:
    """One established connection: who it is for the kernel (`cookie`), its ends, and what it sent since it was opened.

    `segments` are those with data, the retransmitted included; `mtu` is what its packets may hold on the way, in bytes.
    """

    cookie: int
    local_port: int
    remote_port: int
    remote: str
    mtu: int
    segments: int
    retransmitted: int


@dataclass(frozen=True)
class Grown:
    """What a connection sent between two looks: segments with data, and those of them that it had to send again."""

    segments: int
    retransmitted: int


@dataclass
class Growth:
    """What each connection of the ledger sent between two looks, whoever it is with: each segment is given out once.

    Of all peers together: a peer's address may change, and what an old connection had sent before is nobody's new traffic.
    """

    # Cookie -> what it had sent and repeated when it was seen last, and in how many looks it was missing since.
    _known: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    _looked: bool = False

    def since(self, found: Iterable[Connection]) -> dict[int, Grown]:
        """Return what each connection sent since the last look, by its cookie; nothing at the first."""
        now = {one.cookie: (one.segments, one.retransmitted) for one in found}
        grown = {cookie: self._of(cookie, *counts) for cookie, counts in now.items()}
        # One look may miss a connection that lives: the kernel lists them in pieces, while others come and go.
        gone = {
            cookie: (segments, again, missing + 1)
            for cookie, (segments, again, missing) in self._known.items()
            if cookie not in now and missing < _MISSING_LOOKS
        }
        self._known = gone | {cookie: (*counts, 0) for cookie, counts in now.items()}
        self._looked = True
        return grown

    def _of(self, cookie: int, segments: int, again: int) -> Grown:
        before = self._known.get(cookie, (0, 0, 0) if self._looked else (segments, again, 0))
        return Grown(max(0, segments - before[0]), max(0, again - before[1]))


@dataclass
class Carriage:
    """The connections to one peer, look by look. What passes between two looks of one that ends is not counted."""

    connections: int = 0
    segments: int = 0
    retransmitted: int = 0
    mtu: int | None = None
    _looks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def looked(self, now: float, found: Iterable[Connection], grown: Mapping[int, Grown]) -> None:
        """Take down what the kernel says at a moment (seconds) of the connections with this peer, and how each has grown."""
        unique = {one.cookie: one for one in found}
        self.connections = len(unique)
        self.segments += sum(grown[cookie].segments for cookie in unique)
        self.retransmitted += sum(grown[cookie].retransmitted for cookie in unique)
        self.mtu = min((one.mtu for one in unique.values() if one.mtu), default=None)
        self._looks.append((now, self.segments, self.retransmitted))
        while now - self._looks[0][0] > RECENT_SECONDS:
            self._looks.popleft()

    def view(self, now: float) -> Carried | None:
        """Return the figures at a moment (seconds); None where nobody looked lately: old ones would be shown as of now."""
        if not self._looks or now - self._looks[-1][0] > FRESH_SECONDS:
            return None
        _, segments, retransmitted = self._looks[0]
        return Carried(
            connections=self.connections,
            mtu=self.mtu,
            segments=self.segments,
            retransmitted=self.retransmitted,
            recent_segments=self.segments - segments,
            recent_retransmitted=self.retransmitted - retransmitted,
        )


def of_ledger(found: Iterable[Connection], port: int) -> list[Connection]:
    """Return the connections of the ledger's P2P port, here or there."""
    return [one for one in found if port in (one.local_port, one.remote_port)]


def between(found: Iterable[Connection], addresses: Collection[str]) -> list[Connection]:
    """Return the connections with one peer."""
    return [one for one in found if one.remote in addresses]

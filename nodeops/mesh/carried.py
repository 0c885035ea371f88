"""What the ledger's own connections to one peer carried, and had to send twice: counted over connections that come and go. Pure.

Probes are small and few. Whether large packets get through, and what the ledger's own traffic suffers, only its own connections
tell: no connection is opened for this, since each would cost the peer one of its places.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from nodeops.mesh.seen import Carried
from nodeops.mesh.window import RECENT_SECONDS


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


@dataclass
class Carriage:
    """The connections to one peer, look by look. What passes between two looks of one that ends is not counted."""

    segments: int = 0
    retransmitted: int = 0
    mtu: int | None = None
    # Cookie -> what it had sent and repeated at the last look.
    _known: dict[int, tuple[int, int]] = field(default_factory=dict)
    _looks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def looked(self, now: float, found: Sequence[Connection]) -> None:
        """Take down what the kernel says at a moment (seconds). What was before the first look belongs to no counter."""
        first = not self._looks
        for one in found:
            before = self._known.get(one.cookie, (one.segments, one.retransmitted) if first else (0, 0))
            self.segments += max(0, one.segments - before[0])
            self.retransmitted += max(0, one.retransmitted - before[1])
        self._known = {one.cookie: (one.segments, one.retransmitted) for one in found}
        self.mtu = min((one.mtu for one in found if one.mtu), default=None)
        self._looks.append((now, self.segments, self.retransmitted))
        while now - self._looks[0][0] > RECENT_SECONDS:
            self._looks.popleft()

    def view(self) -> Carried | None:
        """Return the figures; None before the first look."""
        if not self._looks:
            return None
        _, segments, retransmitted = self._looks[0]
        return Carried(
            connections=len(self._known),
            mtu=self.mtu,
            segments=self.segments,
            retransmitted=self.retransmitted,
            recent_segments=self.segments - segments,
            recent_retransmitted=self.retransmitted - retransmitted,
        )


def between(found: Sequence[Connection], port: int, addresses: Collection[str]) -> list[Connection]:
    """Return the connections of the ledger's P2P port, here or there, with one peer."""
    return [one for one in found if port in (one.local_port, one.remote_port) and one.remote in addresses]

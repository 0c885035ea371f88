"""The quorum gate: may this node stop, or does the chain need it? Pure.

Nodes that must stop for the same reason often must at the same time: the chain data of all of them grows alike. So each validator
has its turn, counted in blocks, the one clock that all nodes share. Who stops in the first part of a turn is missed by the chain
before the next turn begins, and is no longer counted by whoever asks then.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from math import ceil
from typing import Literal

from nodeops.document.profile import Quorum
from nodeops.ledger.node.status import LIVE_WINDOW
from nodeops.ledger.quorum import can_lose, needed

# A turn lasts for so many seconds at least, and so many times the blocks after which a silent validator counts as gone.
_TURN_SECONDS, _TURN_WINDOWS = 20.0, 4
# In the later part of its turn a node does not stop any more: stopping takes a while, and so does being missed.
_OPEN_SHARE = 0.4

Verdict = Literal["open", "wait", "closed"]


@dataclass(frozen=True)
class Standing:
    """What one node sees of its chain: the newest height, whether blocks come, its own address, the power of each validator,
    and the addresses of those that signed lately."""

    height: int
    moving: bool
    own: str
    powers: Mapping[str, int]
    live: Set[str]


@dataclass(frozen=True)
class Passage:
    """Whether a node may stop: "open" now, "wait" until its turn at `height`, "closed" while the others need it."""

    verdict: Verdict
    why: str
    height: int | None = None


def passage(seen: Standing, rule: Quorum, block_seconds: float) -> Passage:
    """Return whether this node may stop without halting its chain."""
    own, total = seen.powers.get(seen.own, 0), sum(seen.powers.values())
    if not seen.moving:
        return Passage("open", "the chain stands already")
    if not own or seen.own not in seen.live:
        return Passage("open", "this node does not vote, the others do without it")
    live = sum(power for address, power in seen.powers.items() if address in seen.live)
    counted = f"{live} of {total} voting power is live, {needed(total, rule)} needed, {own} is this node's"
    if not can_lose(own, live, total, rule):
        return Passage("closed", counted)
    turn = _next_turn(seen, block_seconds)
    return Passage("open", counted) if turn is None else Passage("wait", f"{counted}; its turn is at height {turn}", turn)


def _next_turn(seen: Standing, block_seconds: float) -> int | None:
    """Return the height at which this validator's next turn begins, None while it is in the open part of its turn."""
    length = max(_TURN_WINDOWS * LIVE_WINDOW, ceil(_TURN_SECONDS / block_seconds))
    place = sorted(seen.powers).index(seen.own)
    since = (seen.height - place * length) % (length * len(seen.powers))
    return None if since < _OPEN_SHARE * length else seen.height + length * len(seen.powers) - since

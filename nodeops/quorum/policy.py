"""The quorum gate: may this node stop, or does the chain need it? Pure.

Nodes that must stop for the same reason often must at the same time: the chain data of all of them grows alike. So each validator
has its turn, counted in blocks, the one clock that all nodes share. Who stops in the first part of a turn is missed by the chain
before the next turn begins, and is no longer counted by whoever asks then.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from math import ceil
from typing import Literal

from nodeops.document.models import Member
from nodeops.document.profile import Quorum
from nodeops.ledger.node.status import LIVE_WINDOW
from nodeops.ledger.quorum import can_lose, needed

# A turn lasts for so many seconds at least, and so many times the blocks after which a silent validator counts as gone.
_TURN_SECONDS, _TURN_WINDOWS = 20.0, 4
# In the later part of its turn a node does not stop any more: stopping takes a while, and so does being missed.
_OPEN_SHARE = 0.4

Verdict = Literal["open", "wait", "closed", "stands", "silent"]


@dataclass(frozen=True)
class Standing:
    """What one node sees of its chain: the newest height, whether blocks come, its own address, the power of each validator,
    and the addresses of those that signed lately. `behind`: no blocks come, and half of its peers have newer ones."""

    height: int
    moving: bool
    own: str
    powers: Mapping[str, int]
    live: Set[str]
    behind: bool = False


@dataclass(frozen=True)
class Passage:
    """Whether a node may stop: "open" now, "wait" until its turn at `height`, "closed" while the others need it.

    Only who asks for leave to restart hears "stands" (the chain stands still) and "silent" (the ledger does not answer), and is
    told what was `seen` of the chain, if anything.
    """

    verdict: Verdict
    why: str
    height: int | None = None
    seen: Standing | None = None


@dataclass(frozen=True)
class Request:
    """Who asks for leave to restart a node.

    `elsewhere` is the voting power that other hands may be restarting at the same moment; None when nobody restarts the nodes
    of this hand one by one. `chain_stands` is the word that this may be done where the chain stands, or nobody can tell.
    """

    elsewhere: int | None = None
    chain_stands: bool = False


def elsewhere(members: Iterable[Member], rolled: Collection[str]) -> int:
    """Return the voting power that others may be restarting: the heaviest node of each organisation that is not `rolled`."""
    heaviest: dict[str, int] = {}
    for one in members:
        heaviest[one.organisation] = max(one.power, heaviest.get(one.organisation, 0))
    return sum(power for organisation, power in heaviest.items() if organisation not in rolled)


def leave(request: Request, seen: Standing | None, rule: Quorum, block_seconds: float) -> Passage:
    """Return whether this node may be restarted: it comes back at once, or is put back. `seen` None: it does not answer."""
    if seen is None:
        silent = Passage("silent", "the ledger on this host does not answer, so nobody can tell whether the others need it")
        return Passage("open", f"{silent.why}; told to go on") if request.chain_stands else silent
    if not seen.height:
        return Passage("open", "the chain has no block yet")
    if seen.behind:
        return Passage("open", f"this node is behind its peers at height {seen.height}: the others do without it")
    if not seen.moving:
        return Passage("open" if request.chain_stands else "stands", f"the chain stands still at height {seen.height}")
    found = passage(seen, rule, block_seconds)
    own, total, live = _powers(seen)
    if found.verdict == "closed" and live == total and not can_lose(own, total, total, rule):
        return Passage("open", f"{found.why}: the chain cannot do without it, and pauses until it is back")
    if found.verdict == "wait" and request.elsewhere is not None and can_lose(own + request.elsewhere, live, total, rule):
        return Passage("open", f"{_counted(seen, rule)}, {request.elsewhere} may be restarting elsewhere")
    return found


def passage(seen: Standing, rule: Quorum, block_seconds: float) -> Passage:
    """Return whether this node may stop without halting its chain."""
    own, total, live = _powers(seen)
    if not seen.moving:
        return Passage("open", "the chain stands already")
    if not own or seen.own not in seen.live:
        return Passage("open", "this node does not vote, the others do without it")
    counted = _counted(seen, rule)
    if not can_lose(own, live, total, rule):
        return Passage("closed", counted)
    turn = _next_turn(seen, block_seconds)
    return Passage("open", counted) if turn is None else Passage("wait", f"{counted}; its turn is at height {turn}", turn)


def _powers(seen: Standing) -> tuple[int, int, int]:
    """Return this node's own voting power, that of all, and that of those that signed lately."""
    live = sum(power for address, power in seen.powers.items() if address in seen.live)
    return seen.powers.get(seen.own, 0), sum(seen.powers.values()), live


def _counted(seen: Standing, rule: Quorum) -> str:
    own, total, live = _powers(seen)
    return f"{live} of {total} voting power is live, {needed(total, rule)} needed, {own} is this node's"


def _next_turn(seen: Standing, block_seconds: float) -> int | None:
    """Return the height at which this validator's next turn begins, None while it is in the open part of its turn."""
    length = max(_TURN_WINDOWS * LIVE_WINDOW, ceil(_TURN_SECONDS / block_seconds))
    place = sorted(seen.powers).index(seen.own)
    since = (seen.height - place * length) % (length * len(seen.powers))
    return None if since < _OPEN_SHARE * length else seen.height + length * len(seen.powers) - since

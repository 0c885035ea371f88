"""The quorum gate: may this node stop, or does the chain need it? Pure.

Nodes that must stop for the same reason often must at the same time: the chain data of all of them grows alike. So each validator
has its turn, counted in blocks, the one clock that all nodes share. Who stops in the first part of a turn is missed by the chain
before the next turn begins, and is no longer counted by whoever asks then.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
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

Verdict = Literal["open", "wait", "leased", "closed", "stands", "silent"]


@dataclass(frozen=True)
class Reserved:
    """Power that a lease promises to a node of others: which node, until when in block time (as text), and its voting power.

    `ahead`: the lease stands before the one on this node, or this node has none.
    """

    node: str
    organisation: str
    until: str
    power: int
    ahead: bool = True


@dataclass(frozen=True)
class Leases:
    """What leases mean for one node: those on others that still sign, and the height since which it has one itself, if it has.

    `unsure` says why this may not be all of it: what is known is left to others then, and this node's own counts for nothing.
    """

    others: Sequence[Reserved] = ()
    since: int | None = None
    unsure: str = ""

    @property
    def away(self) -> int:
        """Return the voting power that may be gone at any moment, though it signs still."""
        return sum(one.power for one in self.others if one.ahead)


@dataclass(frozen=True)
class Standing:
    """What one node sees of its chain: the newest height, whether blocks come, its own address, the power of each validator,
    and the addresses of those that signed lately. `behind`: no blocks come, and most of its peers have newer ones. `leases` are
    what its ledger holds of maintenance."""

    height: int
    moving: bool
    own: str
    powers: Mapping[str, int]
    live: Set[str]
    behind: bool = False
    leases: Leases = field(default_factory=Leases)


@dataclass(frozen=True)
class Passage:
    """Whether a node may stop: "open" now, "wait" until its turn at `height`, "closed" while the others need it.

    Only who asks for leave to restart hears "leased" (others have leases on the power that could go), "stands" (the chain stands
    still) and "silent" (the ledger does not answer), and is told what was `seen` of the chain, if anything. `forced` is what
    it would have said without the reason that opened it.
    """

    verdict: Verdict
    why: str
    height: int | None = None
    seen: Standing | None = None
    forced: str = ""


@dataclass(frozen=True)
class Request:
    """Who asks for leave to restart a node.

    `elsewhere` is the voting power that other hands may be restarting at the same moment; None when nobody restarts the nodes
    of this hand one by one. `chain_stands` is the word that this may be done where the chain stands, or nobody can tell. `force`
    is the reason why it is done whatever the gate says.
    """

    elsewhere: int | None = None
    chain_stands: bool = False
    force: str = ""


def elsewhere(members: Iterable[Member], rolled: Collection[str]) -> int:
    """Return the voting power that others may be restarting: the heaviest node of each organisation that is not `rolled`."""
    heaviest: dict[str, int] = {}
    for one in members:
        heaviest[one.organisation] = max(one.power, heaviest.get(one.organisation, 0))
    return sum(power for organisation, power in heaviest.items() if organisation not in rolled)


def leave(request: Request, seen: Standing | None, rule: Quorum, block_seconds: float) -> Passage:
    """Return whether this node may be restarted: it comes back at once, or is put back. `seen` None: it does not answer."""
    found = _with_doubt(_leave(request, seen, rule, block_seconds), seen)
    if not request.force or found.verdict == "open":
        return found
    return Passage("open", f"{found.why}; forced: {request.force}", forced=f"{found.verdict}: {found.why}")


def _with_doubt(found: Passage, seen: Standing | None) -> Passage:
    unsure = seen.leases.unsure if seen else ""
    return (
        replace(found, why=f"{found.why}; leases may not all be known, so none gives it a right: {unsure}") if unsure else found
    )


def _leave(request: Request, seen: Standing | None, rule: Quorum, block_seconds: float) -> Passage:
    if seen is None:
        silent = Passage("silent", "the ledger on this host does not answer, so nobody can tell whether the others need it")
        return Passage("open", f"{silent.why}; told to go on") if request.chain_stands else silent
    if not seen.height:
        return Passage("open", "the chain has no block yet")
    if seen.behind:
        return Passage("open", f"this node is behind its peers at height {seen.height}: the others do without it")
    if not seen.moving:
        return Passage("open" if request.chain_stands else "stands", f"the chain stands still at height {seen.height}")
    return _moving(request, seen, rule, block_seconds)


def _moving(request: Request, seen: Standing, rule: Quorum, block_seconds: float) -> Passage:
    """Return the answer where blocks come: by power first, then by leases, then by turns."""
    found = passage(seen, rule, block_seconds)
    own, total, live = _powers(seen)
    if found.verdict == "closed" and live == total and not can_lose(own, total, total, rule):
        return Passage("open", f"{found.why}: the chain cannot do without it, and pauses until it is back")
    if found.verdict == "closed" or not own or seen.own not in seen.live:
        return found
    away, counted = seen.leases.away, _counted(seen, rule)
    if not can_lose(own + away, live, total, rule):
        return Passage("leased", f"{counted}, {_reserved(seen.leases)}")
    if found.verdict == "wait" and request.elsewhere is not None and can_lose(own + away + request.elsewhere, live, total, rule):
        return Passage("open", f"{counted}, {request.elsewhere} may be restarting elsewhere")
    return _own_lease(seen, found, counted, block_seconds)


def _own_lease(seen: Standing, found: Passage, counted: str, block_seconds: float) -> Passage:
    """Return "open" for whose lease all others have had time to read: whoever was let through before it is missed by then."""
    since = seen.leases.since
    if since is None or found.verdict == "open":
        return found
    settled = since + ceil((1 - _OPEN_SHARE) * _turn_blocks(block_seconds))
    if seen.height >= settled:
        return Passage("open", f"{counted}; it has a lease since height {since}")
    if found.height is not None and found.height <= settled:
        return found
    return replace(found, why=f"{counted}; its lease lets it go at height {settled}", height=settled)


def _reserved(leases: Leases) -> str:
    ahead = [one for one in leases.others if one.ahead]
    held = ", ".join(f"{one.node} ({one.organisation}) until {one.until}" for one in ahead)
    return f"{leases.away} is under leases of others: {held}"


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
    length = _turn_blocks(block_seconds)
    place = sorted(seen.powers).index(seen.own)
    since = (seen.height - place * length) % (length * len(seen.powers))
    return None if since < _OPEN_SHARE * length else seen.height + length * len(seen.powers) - since


def _turn_blocks(block_seconds: float) -> int:
    return max(_TURN_WINDOWS * LIVE_WINDOW, ceil(_TURN_SECONDS / block_seconds))

"""A small model of hosts and their chain: a block a second while enough power signs. What decides is the product's own policy."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

from nodeops.ledger.node import status
from nodeops.ledger.node.wait import in_step
from nodeops.ledger.quorum import can_lose
from nodeops.quorum import policy
from nodeops.quorum.lease import policy as lease_policy
from nodeops.quorum.lease.promised import for_node
from nodeops.quorum.lease.terms import terms_of
from nodeops.records.statements import Stated
from tests.unit.quorum.lease.samples import RULE, START, member, said

OLD, NEW, BAD = "v0.1.0", "v0.1.1", "v0.1.9"
GOOD = (OLD, NEW)
_STALE = status.stale_after(1.0)


class BrokenError(AssertionError):
    """The chain was brought below its quorum by us, or a run ended half-way."""


@dataclass
class Node:
    """A host: what its next start takes, what it runs, what it took part with; why it does not sign; its last signature."""

    name: str
    organisation: str
    power: int
    installed: str = OLD
    runs: str | None = OLD
    last: str = OLD
    former: str | None = None
    away: set[str] = field(default_factory=set)
    slow: bool = False
    lies: bool = False
    signed: int = 0
    seen_until: int | None = None

    @property
    def signs(self) -> bool:
        """Tell whether it signs the next block."""
        return not self.away and self.runs in GOOD

    def boot(self) -> None:
        """Start what is installed."""
        self.away.discard("ours")
        self.runs = self.installed


@dataclass
class World:
    """All hosts, their chain and its ledger. `word`: a person says that nodes of a chain that stands may
    be restarted. `told` is what happened, for whoever has to understand a failure."""

    nodes: dict[str, Node]
    now: int = 0
    height: int = 100
    since: int = 0
    word: bool = False
    entries: list[Stated] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for one in self.nodes.values():
            one.signed = self.height
        self.members = [member(one.name, one.organisation, one.power) for one in self.nodes.values()]
        self.powers = {name: one.power for name, one in self.nodes.items()}
        self.terms = terms_of(self.members, RULE)

    def say(self, text: str) -> None:
        """Note what happened."""
        self.told.append(f"{self.now:5} height {self.height:5}: {text}")

    def tick(self) -> None:
        """Let a second pass, and a block come where enough power signs."""
        self.now += 1
        signing = [one for one in self.nodes.values() if one.signs]
        if not can_lose(0, sum(one.power for one in signing), sum(self.powers.values()), RULE):
            return
        self.height, self.since = self.height + 1, self.now
        for one in signing:
            one.signed = self.height

    def moves(self) -> bool:
        """Tell whether the newest block is young enough."""
        return self.now - self.since <= _STALE

    def takes_part(self, node: Node) -> bool:
        """Tell whether the chain holds a vote of it that is as new as any."""
        return node.signs and self.moves() and node.signed == self.height

    def standing(self, node: Node) -> policy.Standing:
        """Return what a node sees of its chain. One that lies shows its own host a chain of which nobody is missing."""
        cut = node.seen_until if "partitioned" in node.away else None
        height = self.height if cut is None else cut
        shares = {
            one.name: status.SignerShare(signed=1, of=1, last_height=min(one.signed, height)) for one in self.nodes.values()
        }
        live = frozenset(self.nodes) if node.lies else status.live_signers(shares)
        moving = node.lies or (self.moves() and cut is None)
        behind = not moving and not self._in_step(node, height)
        seen = policy.Standing(height, moving, node.name, self.powers, live, behind)
        return replace(seen, leases=for_node(self.book(), node.name, {name: name for name in self.nodes}, seen))

    def _in_step(self, node: Node, height: int) -> bool:
        """Ask the product's own rule, with the heights that peers claim: whoever lies boasts."""
        peers = [] if "partitioned" in node.away else [one for one in self.nodes.values() if one is not node and one.signs]
        claims = {one.name: 10**9 if one.lies else self.height for one in peers}
        voters = SimpleNamespace(validators=[SimpleNamespace(address=name) for name in self.nodes])
        driver = SimpleNamespace(peer_heights=lambda: claims, validators=lambda: voters)
        return in_step(
            cast("Any", driver), cast("Any", SimpleNamespace(catching_up=False, height=height, validator_address=node.name))
        )

    def book(self) -> lease_policy.Reading:
        """Return who holds which lease."""
        return lease_policy.reading(self.entries, self.terms, self.height, START + self.now)

    def write(self, organisation: str, step: Any) -> bool:
        """Put an entry about leases on the ledger; tell whether it counts."""
        entry = replace(said(self.now, organisation, step, len(self.entries)), height=self.height)
        self.entries.append(entry)
        why = self.book().judged[entry.hash]
        self.say(f"{organisation} writes {type(step).__name__} {step.node}: {why or 'counts'}")
        return not why

    def asked(self, node: Node, request: policy.Request) -> policy.Passage:
        """Return what the gate of a host says. A ledger that listens nowhere takes no part."""
        if node.runs is None:
            return policy.Passage("open", "it listens nowhere")
        return policy.leave(request, self.standing(node), RULE, 1.0)

    def stop(self, node: Node, found: policy.Passage) -> None:
        """Take a node down by leave of the gate. Raise BrokenError where it was not to be given."""
        self.say(f"{node.name} is stopped: {found.why}")
        # Without a vote of its own lately the others do without it already.
        votes = node.signs and node.signed > self.height - status.LIVE_WINDOW
        if votes and self.moves() and not node.lies:
            self._judge(node)
        node.away.add("ours")

    def _judge(self, node: Node) -> None:
        """Count out who was missing long enough to be known, whom we let go, seen or not, and what leases promise."""
        others = [one for one in self.nodes.values() if one is not node]
        known = self.height - status.LIVE_WINDOW
        gone = [one for one in others if "ours" in one.away or one.signed <= known]
        promised = self._promised(node, gone)
        left = sum(one.power for one in others if one not in gone and one not in promised)
        if not can_lose(0, left, sum(self.powers.values()), RULE):
            away, kept = (", ".join(one.name for one in some) or "nobody" for some in (gone, promised))
            raise BrokenError(f"{node.name} was let go while {away} was gone, and leases promised {kept}")

    def _promised(self, node: Node, gone: Sequence[Node]) -> list[Node]:
        """Return who holds a lease before this node's own, and is there still."""
        live = [one.node for one in self.book().book.live(START + self.now)]
        ahead = live[: live.index(node.name)] if node.name in live else live
        return [self.nodes[name] for name in ahead if self.nodes[name] not in gone]

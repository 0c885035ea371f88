"""What the chain has, what it needs, who may go, and what is left after that: by node, not for one node alone. Pure."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass

from nodeops.document.models import Member
from nodeops.document.profile import Quorum
from nodeops.ledger.quorum import can_lose, margin, needed
from nodeops.quorum.lease.policy import Lease
from nodeops.quorum.policy import Standing


@dataclass(frozen=True)
class Voter:
    """A validator of the chain: its node's name ("" where nobody told whose it is), its power, and whether it signed lately."""

    name: str
    organisation: str
    address: str
    power: int
    signs: bool

    @property
    def shown(self) -> str:
        """Return what it is called for people."""
        return self.name or f"validator {self.address[:12]}"


@dataclass(frozen=True)
class Outlook:
    """The validators of a chain at a height, its rule, and the leases that hold, first in the ledger's order first.

    `untold` are nodes with power of which nobody told which of the nameless validators they are.
    """

    height: int
    moving: bool
    voters: Sequence[Voter]
    rule: Quorum
    leases: Sequence[Lease] = ()
    untold: Set[str] = frozenset()

    @property
    def total(self) -> int:
        """Return the voting power of all."""
        return sum(one.power for one in self.voters)

    @property
    def live(self) -> int:
        """Return the voting power of those that signed lately."""
        return sum(one.power for one in self.voters if one.signs)

    @property
    def needed(self) -> int:
        """Return the least live power that commits blocks."""
        return needed(self.total, self.rule)

    @property
    def margin(self) -> int:
        """Return the live power that may still be lost; negative where this much is missing."""
        return margin(self.live, self.total, self.rule)

    def signing(self, names: Collection[str]) -> list[Voter]:
        """Return which of these nodes sign."""
        return [one for one in self.voters if one.signs and one.name and one.name in names]

    def promised(self, names: Collection[str]) -> int:
        """Return the power that leases promise to others than these nodes, and that signs still.

        Where each of these nodes has a lease itself, only what stands before the last of theirs.
        """
        own = [place for place, one in enumerate(self.leases) if one.node in names]
        ahead = self.leases[: own[-1]] if len(own) == len(set(names)) and own else self.leases
        others = [one for one in ahead if one.node not in names]
        return sum(one.power for one in self.signing([one.node for one in others])) + self._untold(others)

    def _untold(self, leases: Collection[Lease]) -> int:
        """Return the power under leases of nodes of which nobody told whose vote is theirs: they are taken to sign."""
        return sum(one.power for one in leases if one.node in self.untold)

    def allows(self, names: Collection[str]) -> bool:
        """Tell whether blocks go on without these nodes, and without those that leases let go."""
        if not self.moving or self.untold & set(names):
            return False
        going = sum(one.power for one in self.signing(names))
        return not going or can_lose(going + self.promised(names), self.live, self.total, self.rule)

    def left(self, names: Collection[str]) -> int:
        """Return the power that may be lost after these nodes and those that leases let go."""
        return self.margin - sum(one.power for one in self.signing(names)) - self.promised(names)

    def may_go(self) -> list[str]:
        """Return which of the nodes that sign may go, each alone."""
        return [one.name for one in self.voters if one.signs and one.name and self.allows([one.name])]

    def counted(self) -> str:
        """Return the numbers in words."""
        return f"{self.live} of {self.total} signing, {self.needed} needed"

    def said(self, names: Sequence[str]) -> str:
        """Return what becomes of the chain without these nodes, in words."""
        if not self.moving:
            return f"the chain stands still at height {self.height}: nobody can tell who is live"
        promised = self.promised(names)
        under = f", {promised} under leases of others" if promised else ""
        whose = " and ".join(names)
        if untold := sorted(self.untold & set(names)):
            return f"{self.counted()}; which vote is that of {', '.join(untold)} is not told here: it joined after the founding"
        if not self.allows(names):
            return f"{self.counted()}{under}; {whose} may not go{' together' if len(names) > 1 else ''}"
        left = self.left(names)
        return f"{self.counted()}{under}; {whose} may go, after that {f'{left} more voting power' if left > 0 else 'none'}"


def outlook(
    seen: Standing, members: Sequence[Member], addresses: Mapping[str, str], rule: Quorum, leases: Sequence[Lease] = ()
) -> Outlook:
    """Return the outlook from what one node sees. `addresses` are validators by their nodes' names."""
    names = {address: name for name, address in addresses.items()}
    owners = {one.name: one.organisation for one in members}
    found = [
        Voter(names.get(address, ""), owners.get(names.get(address, ""), ""), address, power, address in seen.live)
        for address, power in seen.powers.items()
    ]
    voters = sorted(found, key=lambda one: (not one.name, one.name, one.address))
    untold = {one.name for one in members if one.power and addresses.get(one.name) not in seen.powers}
    strangers = any(not one.name for one in voters)
    return Outlook(seen.height, seen.moving, voters, rule, leases, frozenset(untold if strangers else ()))

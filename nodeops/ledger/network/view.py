"""What the statuses of many nodes, taken together, are evidence of: which set votes, who is live, who is which validator. Pure.

Any one status may be wrong, or a lie. So the chain is read from the node that most others agree with, at no height that it claims
alone, and who is live from the votes that most of those who agree have recorded, not from which nodes are listed or answer.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from nodeops.document.models import Consortium
from nodeops.document.profile import Quorum, load_profile
from nodeops.ledger.node.status import SIGNED_WINDOW, NodeStatus, live_signers
from nodeops.ledger.quorum import can_lose, margin, needed


@dataclass(frozen=True)
class Evidence:
    """The consortium file, the status of every node that was asked (None: no answer), and validator addresses by node.

    `published` are the addresses of the members' identities files; a node's own claim is used where there is none.
    """

    consortium: Consortium
    asked: Mapping[str, NodeStatus | None]
    published: Mapping[str, str]

    @cached_property
    def statuses(self) -> dict[str, NodeStatus]:
        """Return the statuses of the nodes of the file that answered, running or not."""
        return {name: status for name, status in sorted(self.asked.items()) if status and name in self.consortium.nodes}

    @cached_property
    def running(self) -> dict[str, NodeStatus]:
        """Return the statuses of the nodes whose ledger answered."""
        return {name: status for name, status in self.statuses.items() if status.running and status.height is not None}

    @cached_property
    def rule(self) -> Quorum:
        """Return the quorum rule of the ledger family."""
        return load_profile(self.consortium.ledger.platform).quorum

    @cached_property
    def file_powers(self) -> dict[str, int]:
        """Return the voting power that the file gives to each node that votes."""
        powers = {name: node.voting_power for name, node in self.consortium.nodes.items()}
        return {name: power for name, power in powers.items() if power}

    @cached_property
    def addresses(self) -> dict[str, str]:
        """Return the validator address of each node of the file, as far as it is known."""
        claimed = {name: status.validator_address for name, status in self.running.items() if status.validator_address}
        known = {**claimed, **self.published}
        return {name: address for name, address in known.items() if name in self.consortium.nodes}

    @property
    def reference(self) -> NodeStatus | None:
        """Return the status the chain is read from, None when no node answers."""
        return self.running[self._trusted] if self._trusted else None

    @cached_property
    def _trusted(self) -> str | None:
        """Return the node the chain is read from: fresh before stale, then the most agreed with, on blocks and on who validates,
        then one whose height is no claim of its own alone, then the highest."""

        def trust(name: str) -> tuple[bool, int, bool, int, str]:
            status = self.running[name]
            height = status.height or 0
            return self.is_fresh(status), len(self._agreeing(name)), height <= self.told_height, height, name

        return max(self.running, key=trust, default=None)

    @cached_property
    def told_height(self) -> int:
        """Return the highest height that two nodes say the chain has; that of the only one, 0 without any."""
        heights = sorted((status.height or 0 for status in self.running.values()), reverse=True)
        return heights[:2][-1] if heights else 0

    @cached_property
    def alone(self) -> list[str]:
        """Return in words what one node says against all others: a height far above theirs, that blocks come, who validates."""
        if len(self.running) < 2:
            return []
        fresh = [name for name, status in self.running.items() if self.is_fresh(status)]
        sets = Counter(powers for _, powers in self._said.values() if powers)
        found = [
            f"only {name} is at height {status.height}, no other above {self.told_height}"
            for name, status in self.running.items()
            if (status.height or 0) > self.told_height + SIGNED_WINDOW
        ]
        found += [f"only {fresh[0]} has new blocks"] if len(fresh) == 1 else []
        lonely = [name for name, (_, powers) in self._said.items() if len(sets) > 1 and sets[powers] == 1]
        return found + [f"only {name} shows such validators" for name in lonely]

    @cached_property
    def _said(self) -> dict[str, tuple[frozenset[tuple[int, str]], frozenset[tuple[str, int]]]]:
        """Return the blocks that each node has, and the powers of those who validate by it."""
        return {
            name: (
                frozenset((block.height, block.hash) for block in status.recent),
                frozenset((one.address, one.power) for one in status.validators),
            )
            for name, status in self.running.items()
        }

    def _agreeing(self, name: str) -> list[NodeStatus]:
        """Return the statuses of a node and of those that have a block in common with it, and name the same validators."""
        blocks, powers = self._said[name]
        others = (other for other, said in self._said.items() if other == name or (blocks & said[0] and powers == said[1]))
        return [self.running[other] for other in others]

    @property
    def height(self) -> int | None:
        """Return the height of the chain, None when no node answers."""
        return self.reference.height if self.reference else None

    def is_fresh(self, status: NodeStatus) -> bool:
        """Tell whether a node's newest block is young enough for a chain that moves."""
        return status.fresh(self.consortium.ledger.block_seconds)

    @property
    def moving(self) -> bool:
        """Tell whether the chain commits blocks."""
        return self.reference is not None and self.is_fresh(self.reference)

    @cached_property
    def set_powers(self) -> dict[str, int]:
        """Return the voting power in the live validator set, by address."""
        return {one.address: one.power for one in self.reference.validators} if self.reference else {}

    @property
    def total_power(self) -> int:
        """Return the voting power of the live set; that of the file while no node answers."""
        return sum(self.set_powers.values()) or sum(self.file_powers.values())

    @cached_property
    def signing(self) -> frozenset[str]:
        """Return the addresses in the set that signed one of the newest commits, as most say who agree on the chain."""
        if self._trusted is None:
            return frozenset()
        fresh = self.is_fresh(self.running[self._trusted])
        said = [live_signers(one.signers) for one in self._agreeing(self._trusted) if self.is_fresh(one) == fresh]
        return frozenset(one for one in self.set_powers if 2 * sum(one in live for live in said) > len(said))

    @cached_property
    def unseen(self) -> list[str]:
        """Return the voting nodes of the file whose validator address nobody told."""
        return [name for name in self.file_powers if name not in self.addresses]

    @cached_property
    def nameless(self) -> frozenset[str]:
        """Return the addresses in the set that are no known node's."""
        return frozenset(self.set_powers) - set(self.addresses.values())

    @cached_property
    def live_power(self) -> int:
        """Return the voting power that takes part now.

        While the chain moves: the power of those whose votes it records, less those that have stopped since. While it
        stands or has only begun there are no votes to go by: the power of the nodes that run and are caught up, and of
        those not asked that are connected as peers.
        """
        if self.moving and self.signing:
            return sum(self.set_powers[address] for address in self.signing - self._stopped() - self._missing_at_once())
        return sum(self._power(name) for name in self._up())

    @property
    def needed_power(self) -> int:
        """Return the least voting power that commits blocks."""
        return needed(self.total_power, self.rule)

    @property
    def spare_power(self) -> int:
        """Return the live voting power that may still be lost; negative when that much is missing."""
        return margin(self.live_power, self.total_power, self.rule)

    @property
    def one_loss_halts(self) -> bool:
        """Tell whether the chain halts whichever live validator goes next."""
        least = min((self.set_powers[address] for address in self.signing), default=0)
        return not can_lose(least, self.live_power, self.total_power, self.rule)

    def _stopped(self) -> set[str]:
        """Return the addresses whose nodes say themselves that their ledger does not run."""
        stopped = {name for name, status in self.statuses.items() if not status.running}
        found = {address for name, address in self.addresses.items() if name in stopped}
        everyone_explained = len(self.nameless) == len(self.unseen) and stopped.issuperset(self.unseen)
        return found | self.nameless if everyone_explained else found

    def _missing_at_once(self) -> set[str]:
        """Return the addresses whose nodes did not answer and whose votes are not in the newest commit either."""
        silent = {name for name in self.asked if name not in self.running}
        doubtful = {address for name, address in self.addresses.items() if name in silent}
        doubtful |= self.nameless if silent.intersection(self.unseen) else frozenset()
        lasts = {address: self._last_vote(address) for address in self.set_powers}
        newest = max(lasts.values(), default=0)
        return {address for address in doubtful if lasts.get(address) != newest}

    def _last_vote(self, address: str) -> int:
        share = self.reference.signers.get(address) if self.reference else None
        return (share.last_height or 0) if share else 0

    def _up(self) -> set[str]:
        connected = {peer for status in self.running.values() for peer in status.peers}
        foreign = {name for name in self.consortium.nodes if name not in self.asked and name in connected}
        return foreign | {name for name, status in self.running.items() if not status.catching_up}

    def _power(self, name: str) -> int:
        address = self.addresses.get(name)
        if address is None or not self.set_powers:
            return self.file_powers.get(name, 0)
        return self.set_powers.get(address, 0)

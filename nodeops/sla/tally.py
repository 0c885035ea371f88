"""Votes counted in slices, and what each slice was for each node. Pure."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction

from nodeops.ledger.cometbft.votes import Votes
from nodeops.quorum.lease.policy import Lease
from nodeops.sla.period import Period


class State(StrEnum):
    """What a slice was for a node."""

    GOOD = "good"
    BAD = "bad"
    MAINTENANCE = "maintenance"
    # The chain made no block in it: nobody voted.
    NETWORK = "network"
    # The chain made blocks, and the node, which had voting power before, had none.
    UNMEASURED = "unmeasured"
    # Before the node had voting power for the first time.
    NOT_YET = "not-yet"


class NodeTally:
    """Of one validator, for each slice: at how many blocks it had voting power, and for how many it voted."""

    def __init__(self, slices: int) -> None:
        self.held, self.voted = array("Q", bytes(8 * slices)), array("Q", bytes(8 * slices))
        self.from_the_start = False
        self.left_out_by: Counter[str] = Counter()
        self.double_votes: list[int] = []


class Tally:
    """Of a period. Blocks may come in any order."""

    def __init__(self, period: Period, addresses: Iterable[str]) -> None:
        self.period = period
        self.blocks = array("Q", bytes(8 * period.slices))
        self.lowest, self.highest = array("Q", bytes(8 * period.slices)), array("Q", bytes(8 * period.slices))
        self.nodes = {address: NodeTally(period.slices) for address in addresses}

    def add(self, votes: Votes) -> None:
        """Count a block of the period."""
        number = self.period.slice_of(votes.time)
        low = self.lowest[number]
        self.lowest[number] = min(low, votes.height) if low else votes.height
        self.highest[number] = max(self.highest[number], votes.height)
        self.blocks[number] += 1
        for address, node in self.nodes.items():
            if address not in votes.validators:
                continue
            node.held[number] += 1
            if address in votes.voted:
                node.voted[number] += 1
            else:
                node.left_out_by[votes.kept_by] += 1

    def before(self, votes: Votes) -> None:
        """Look at the last block before the period: who had voting power then has it from the start."""
        for address in votes.validators & self.nodes.keys():
            self.nodes[address].from_the_start = True

    def states(self, address: str, share: Fraction) -> list[State]:
        """Return what each slice was, leases left aside. Good is at least this share of votes."""
        node = self.nodes[address]
        first = 0 if node.from_the_start else next((number for number, held in enumerate(node.held) if held), len(self.blocks))
        return [State.NOT_YET if number < first else self._state(node, number, share) for number in range(len(self.blocks))]

    def _state(self, node: NodeTally, number: int, share: Fraction) -> State:
        if not self.blocks[number]:
            return State.NETWORK
        if not node.held[number]:
            return State.UNMEASURED
        good = node.voted[number] * share.denominator >= node.held[number] * share.numerator
        return State.GOOD if good else State.BAD


def under_lease(period: Period, number: int, leases: Sequence[Lease], notice_seconds: int) -> Lease | None:
    """Return the first lease that covers a whole slice and stood on the ledger so long before it began."""
    start, end = period.bounds(number)
    return next((one for one in leases if one.since + notice_seconds <= start and end <= one.until), None)


def excused(
    period: Period, states: Sequence[State], leases: Sequence[Lease], notice_seconds: int, most_seconds: int
) -> tuple[list[State], dict[int, Lease]]:
    """Return the states with bad slices made maintenance where a lease on the node covers them, and by which lease each was:
    from the first on, as many as fit into so many seconds of the period."""
    found, left, by = list(states), most_seconds, dict[int, Lease]()
    for number, state in enumerate(states):
        lease = under_lease(period, number, leases, notice_seconds) if state is State.BAD else None
        start, end = period.bounds(number)
        if lease and end - start <= left:
            found[number], left, by[number] = State.MAINTENANCE, left - (end - start), lease
    return found, by

"""The statement of a period: what each slice was, what of it is owed, and where it stands on the chain. Pure.

Whole numbers and text alone, and nothing of who computes it or when: two nodes with the same chain write the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any

from nodeops.quorum.lease.policy import Lease
from nodeops.sla.contract import Contract
from nodeops.sla.fractions import percent, written
from nodeops.sla.tally import State, Tally, excused

SCHEMA, SO_FAR = "nodeops.sla.statement/1", "nodeops.sla.so-far/1"


@dataclass(frozen=True)
class Mark:
    """A block that bounds a period: its height, its hash and its time in seconds since 1970."""

    height: int
    hash: str
    time: int


@dataclass(frozen=True)
class Measured:
    """What was read: the votes of a period, the blocks around them (`before` is None where the chain began later), the first and
    the last block in it, and the leases."""

    tally: Tally
    before: Mark | None
    first: Mark | None
    last: Mark | None
    after: Mark
    leases: Sequence[Lease]


def statement(contract: Contract, digest: str, measured: Measured, *, so_far: bool = False) -> dict[str, Any]:
    """Return the statement of a period. `digest` is the SHA-256 of the contract's bytes."""
    nodes = {name: _Node(contract, name, measured) for name in contract.service.nodes}
    owed = {name: node.credit() for name, node in nodes.items()}
    period = measured.tally.period
    return {
        "schema": SO_FAR if so_far else SCHEMA,
        "contract": {"name": contract.contract, "sha256": digest},
        "period": {**vars(period), "slices": period.slices},
        "chain": _chain(contract.chain, measured),
        "nodes": {name: node.figures(owed[name]) for name, node in nodes.items()},
        "intervals": [one for name in sorted(nodes) for one in nodes[name].intervals()],
        "leases": [_lease_data(one) for one in measured.leases],
        "credit": _combined(contract, nodes, owed),
    }


def _chain(name: str, measured: Measured) -> dict[str, Any]:
    marks = {place: getattr(measured, place) for place in ("before", "first", "last", "after")}
    return {"id": name, **{place: vars(mark) if mark else None for place, mark in marks.items()}}


def _lease_data(one: Lease) -> dict[str, Any]:
    return {"node": one.node, "height": one.height, "place": one.place, "since": one.since, "until": one.until}


class _Node:
    """One node's part."""

    def __init__(self, contract: Contract, name: str, measured: Measured) -> None:
        self.contract, self.name, self.measured, self.tally = contract, name, measured, measured.tally
        self.address = contract.service.nodes[name]
        self.node = measured.tally.nodes[self.address]
        states, self.by = measured.tally.states(self.address, Fraction(contract.indicator.validator.votes)), dict[int, Lease]()
        if (rule := contract.maintenance) is not None:
            own = [one for one in measured.leases if one.node == name]
            notice, most = rule.notice_minutes * 60, rule.most_minutes * 60
            states, self.by = excused(measured.tally.period, states, own, notice, most)
        self.states = states
        self.count = {state: states.count(state) for state in State}

    def availability(self) -> Fraction | None:
        """Return the share of good slices of those that count, None where none does."""
        bad = self.count[State.BAD]
        bad += self.count[State.NETWORK] if self.contract.network_halt == "counts" else 0
        bad += self.count[State.UNMEASURED] if self.contract.unmeasured == "bad" else 0
        good = self.count[State.GOOD]
        return Fraction(good, good + bad) if good + bad else None

    def credit(self) -> str:
        """Return how many percent are given back for this node alone."""
        double = self.contract.duplicate_vote_credit if self.node.double_votes else "0"
        return max(band(self.contract, self.availability()), double, key=percent)

    def figures(self, credit: str) -> dict[str, Any]:
        """Return the node's numbers."""
        availability = self.availability()
        met = None if availability is None else str(availability >= percent(self.contract.objective)).lower()
        return {
            "address": self.address,
            "slices": {str(state): count for state, count in self.count.items()},
            "availability": written(availability),
            "objective_met": met or "no claim",
            "credit": credit,
            "double_votes": sorted(self.node.double_votes),
            "votes": {"blocks": sum(self.node.held), "voted": sum(self.node.voted)},
            "left_out_by": dict(self.node.left_out_by),
        }

    def intervals(self) -> Iterator[dict[str, Any]]:
        """Yield the slices that were not good, those of one kind in a row together."""
        for (state, lease), group in groupby(range(len(self.states)), lambda number: (self.states[number], self.by.get(number))):
            if state is not State.GOOD:
                numbers = list(group)
                yield self._interval(state, lease, numbers[0], numbers[-1])

    def _interval(self, state: State, lease: Lease | None, first: int, last: int) -> dict[str, Any]:
        whole, period = slice(first, last + 1), self.tally.period
        low, high = _heights(self.measured, first, last)
        return {
            "node": self.name,
            "state": str(state),
            "first_slice": first,
            "last_slice": last,
            "start": period.bounds(first)[0],
            "end": period.bounds(last)[1],
            "first_height": low,
            "last_height": high,
            "blocks": sum(self.node.held[whole]),
            "voted": sum(self.node.voted[whole]),
            "lease_height": lease.height if lease else 0,
        }


def _heights(measured: Measured, first: int, last: int) -> tuple[int, int]:
    """Return the first and the last block of slices; where they have none, the blocks around them, 0 where there is none."""
    tally = measured.tally
    if high := max(tally.highest[first : last + 1]):
        return next(height for height in tally.lowest[first : last + 1] if height), high
    below, above = (next(filter(None, heights), 0) for heights in (reversed(tally.highest[:first]), tally.lowest[last + 1 :]))
    return below or (measured.before.height if measured.before else 0), above or measured.after.height


def band(contract: Contract, availability: Fraction | None) -> str:
    """Return how many percent are given back at an availability: by the lowest band that it is below, "0" by none."""
    owed = "0"
    for one in contract.credits:
        if availability is not None and availability < percent(one.below):
            owed = one.percent
    return owed


def _combined(contract: Contract, nodes: Mapping[str, _Node], owed: Mapping[str, str]) -> dict[str, str]:
    """Return what is given back: for each node, or for all by the worst or the mean of them."""
    if contract.combine == "each-node":
        return dict(owed)
    found = [share for share in (node.availability() for node in nodes.values()) if share is not None]
    share = (min(found) if contract.combine == "worst" else sum(found, Fraction(0)) / len(found)) if found else None
    double = contract.duplicate_vote_credit if any(node.node.double_votes for node in nodes.values()) else "0"
    return {"all": max(band(contract, share), double, key=percent), "availability": written(share)}

"""Prove of whom a chain recorded votes, and who votes next, through a node that may lie. Pure, but for what it asks.

The votes for a block are settled by the block above it (linked.py), so one proven block proves the votes of all below it, and a
node can choose only how old the newest block is that it shows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol

from nodeops.ledger.cometbft.answers import hexadecimal, moment
from nodeops.ledger.cometbft.blocks import Flag, SignedHeader
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.linked import linked_signed, settled


class Headers(Protocol):
    """The part of a driver that is asked, besides the follower's. Nothing it says is believed without a proof."""

    def signed_headers(self, first: int, last: int) -> Iterable[Any]:
        """Return the headers of heights and the commits that sign them, newest first, raw."""


@dataclass(frozen=True)
class Recorded:
    """A proven block, its time, the power of who validates above it, and who has a vote in one of the commits below it."""

    height: int
    time: datetime
    powers: Mapping[str, int]
    voted: Set[str]


def recorded(follower: Follower, source: Headers, height: int, commits: int) -> Recorded:
    """Return what a node proves at a height, by the votes of as many blocks below it, all of which it must show.

    Raise ProofError with the failed step, HostError and Timeout as the node does.
    """
    first = max(follower.genesis.first_height, height - commits)
    answers = list(source.signed_headers(first, height))
    top = follower.prove(answers[0] if answers else None, height)
    blocks = list(linked_signed(answers, top, first))
    newest = blocks[0].header
    powers = {one.address: one.power for one in follower.next_validators(newest).validators}
    return Recorded(height, moment(newest.time), powers, frozenset(_voters(blocks)))


def _voters(blocks: Sequence[SignedHeader]) -> Iterator[str]:
    for above, below in pairwise(blocks):
        commit = settled(below, above.header)
        yield from (hexadecimal(one.validator_address) for one in commit.signatures if one.block_id_flag is Flag.COMMIT)

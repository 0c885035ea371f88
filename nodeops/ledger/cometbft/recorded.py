"""Prove of whom a chain recorded votes, and who votes next, through a node that may lie. Pure, but for what it asks.

A commit as a node shows it proves that a block was made, not who is live: a node may leave out of it what it likes, as long as
more than 2/3 are left. What the block above holds of it is settled: its header has the hash of all those votes
(last_commit_hash), and each header the hash of the block below. So one proven block proves the votes of all below it, and a
node can choose only how old the newest block is that it shows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol

from nodeops.ledger.cometbft.answers import hexadecimal, moment
from nodeops.ledger.cometbft.blocks import Flag, Header, SignedHeader, commit_hash
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.linked import linked
from nodeops.ledger.cometbft.proof import Step, parsed, require


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
    headers = list(linked((one.get("header") if isinstance(one, dict) else None for one in answers), top, first))
    voted = frozenset(voter for voters in _settled(headers, answers) for voter in voters)
    powers = {one.address: one.power for one in follower.next_validators(headers[0]).validators}
    return Recorded(height, moment(headers[0].time), powers, voted)


def _settled(headers: Sequence[Header], answers: Sequence[Any]) -> Iterator[set[str]]:
    for (above, below), answer in zip(pairwise(headers), answers[1:], strict=True):
        commit = parsed(SignedHeader, answer).commit
        settled = commit_hash(commit) == above.last_commit_hash
        require(settled, Step.SIGNATURES, f"the votes for block {below.height} are not those that the block above it holds")
        yield {hexadecimal(one.validator_address) for one in commit.signatures if one.block_id_flag is Flag.COMMIT}

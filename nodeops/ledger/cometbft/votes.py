"""Whose votes a chain kept for each of its blocks: as the block above says, by hash. Pure, but for what it asks.

A header names the block below it by hash, and by `last_commit_hash` the votes for it (types/block.go, Commit.Hash, at tag
v0.38.21). So one block that was proven by signatures proves all headers below it and their votes, and no vote there need be
verified again: validators with more than 2/3 of the power did, before they signed the block above.

The votes for the newest block are not fixed yet: each node has seen others. So they begin one below.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nodeops.ledger.answers import ValidatorSet
from nodeops.ledger.cometbft.answers import hexadecimal
from nodeops.ledger.cometbft.blocks import Commit, Flag, Header, SignedHeader
from nodeops.ledger.cometbft.follow import named_set
from nodeops.ledger.cometbft.linked import linked_signed, settled
from nodeops.ledger.cometbft.proof import ProvenBlock, Step, require


@dataclass(frozen=True)
class Votes:
    """A proven block, who had voting power at it, and whose votes for it the chain kept. `time` is its own, in whole seconds
    since 1970; `kept_by` proposed the block above, and so chose which votes that holds. Addresses are upper-case hex."""

    height: int
    time: int
    hash: str
    validators: frozenset[str]
    voted: frozenset[str]
    kept_by: str
    evidence_hash: bytes


class ValidatorSets:
    """Who had voting power, by the hash in a header. `ask` asks a node for those of a height, who are believed by that hash."""

    def __init__(self, chain: str, ask: Callable[[int], ValidatorSet]) -> None:
        self._chain, self._ask = chain, ask
        self._known: dict[bytes, tuple[str, ...]] = {}

    def of(self, header: Header) -> tuple[str, ...]:
        """Return the addresses of a header's validators, in the order of votes. Raise ProofError for others than it names."""
        named = header.validators_hash
        if named not in self._known:
            found = named_set(self._chain, self._ask(header.height).validators, named)
            self._known[named] = tuple(one.address for one in found.ordered)
        return self._known[named]


def kept_votes(answers: Iterable[Any], top: ProvenBlock, first: int, sets: ValidatorSets) -> Iterator[Votes]:
    """Yield the votes for the blocks below a proven one, down to height `first`. `answers` are a node's signed headers, raw, from
    the proven one's own on. Raise ProofError with the failed step, also when there are too few."""
    for above, below in pairwise(linked_signed(answers, top, first)):
        yield _votes(below, above.header, sets)


def _votes(signed: SignedHeader, above: Header, sets: ValidatorSets) -> Votes:
    header, commit = signed.header, settled(signed, above)
    require(header.time < above.time, Step.BLOCK_HEADER, f"block {header.height} is not older than the block above it")
    validators = sets.of(header)
    return Votes(
        height=header.height,
        time=header.time.seconds,
        hash=hexadecimal(above.last_block_id.hash),
        validators=frozenset(validators),
        voted=_voted(validators, commit),
        kept_by=hexadecimal(above.proposer_address),
        evidence_hash=header.evidence_hash,
    )


def _voted(validators: tuple[str, ...], commit: Commit) -> frozenset[str]:
    """Return who voted for the block. A vote is its place's: CometBFT verifies it with the key that stands there."""
    require(
        len(validators) == len(commit.signatures), Step.VALIDATORS, f"block {commit.height} has not a vote for each validator"
    )
    pairs = zip(validators, commit.signatures, strict=True)
    return frozenset(address for address, vote in pairs if vote.block_id_flag is Flag.COMMIT)

"""Follow a chain's validators from its genesis to any height, through a node that may lie. Pure, but for what it asks.

The rules are those of CometBFT's light client (light/verifier.go at tag v0.38.26), with one number more careful:

* a block right above a trusted one is believed when it names the validators that the trusted one announced
  (next_validators_hash), and more than 2/3 of their power signed it;
* a block further up is believed when more than 2/3 of its own validators signed it, and more than 2/3 of the trusted ones: then
  nothing in between needs to be looked at. With fewer, the way is halved.

The light client takes 1/3 of the trusted ones there: an honest one is among them as long as nobody has keys of 1/3. Here keys are
trusted for good, also of validators who left long ago, so whoever would mislead needs more than 2/3 of some set's keys.

Which validators a block has is asked of the node and believed by their hash. What was followed is handed out as the blocks that
prove it, and is verified from the genesis again when it is handed in: whoever can write it can spare us work, and no more.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from nodeops.core.errors import HostError
from nodeops.ledger.answers import Validator, ValidatorSet
from nodeops.ledger.cometbft.blocks import Header, SignedHeader
from nodeops.ledger.cometbft.proof import ProofError, ProvenBlock, Step, parsed, prove_block, refused, require
from nodeops.ledger.cometbft.trust import TrustedSet, signers

# What the driver says when the node answers, and has no such block (rpc/core/env.go).
_LEDGER_SAYS = "the ledger says"
# types/validator_set.go: MaxTotalVotingPower.
_POWER_LIMIT = 1 << 60
# Blocks that are handed out: two for each change of the validators. Beyond, the way is followed again each time.
MOST_KEPT = 500
# What is held in memory besides, for the time of one command.
_MOST_HELD = 4 * MOST_KEPT
# What a header and its commit take as JSON, twice over: 1024 bytes of app hash in hexadecimal, and each validator's vote.
_HEADER_BYTES, _VOTE_BYTES = 8192, 512

_T = TypeVar("_T")


class Source(Protocol):
    """The part of a driver that is asked. Nothing it says is believed without a proof."""

    def signed_header(self, height: int) -> dict[str, Any]:
        """Return the header of a height and the commit that signs it, raw."""

    def validators(self, height: int | None = None) -> ValidatorSet:
        """Return the validator set at a height."""


@dataclass(frozen=True)
class LightBlock:
    """A signed header as it was sent, and the validators that its header names, by their hash."""

    raw: dict[str, Any]
    signed: SignedHeader
    validators: TrustedSet

    @property
    def height(self) -> int:
        """Return the height that the header claims."""
        return self.signed.header.height


def light_block(raw: Any, chain: str, validators: Sequence[Validator]) -> LightBlock:
    """Return a block with its validators. Raise ProofError when they are not those that its header names.

    The answer is kept as it was sent, so more than belongs to a header is refused.
    """
    signed = parsed(SignedHeader, raw)
    those = named_set(chain, validators, signed.header.validators_hash)
    most = _HEADER_BYTES + _VOTE_BYTES * len(validators)
    require(len(json.dumps(raw)) <= most, Step.ANSWER, f"the signed header has more than {most} bytes")
    return LightBlock(raw, signed, those)


def named_set(chain: str, validators: Sequence[Validator], named: bytes) -> TrustedSet:
    """Return validators as a set. Raise ProofError when they are not those of a hash that a header names."""
    those = TrustedSet(chain, tuple(validators))
    # Beyond 64 bits, numbers that are not the same would have the same hash.
    bounded = all(0 < one.power < _POWER_LIMIT for one in validators)
    same = bounded and those.hash() == named
    require(same, Step.VALIDATORS, "the validators that the node shows are not those that the header names")
    return those


@dataclass(frozen=True)
class Reached:
    """How far validators were followed: those of a height, and the hash of those of the next. The genesis has no block."""

    height: int
    validators: TrustedSet
    next_hash: bytes
    block: LightBlock | None = None
    proven: ProvenBlock | None = None


def at_genesis(trusted: TrustedSet) -> Reached:
    """Return where following begins: right below the first block, which the genesis' validators must have made."""
    return Reached(trusted.first_height - 1, trusted, trusted.hash())


def advance(reached: Reached, block: LightBlock) -> Reached | None:
    """Return a higher block's place when it can be believed from here, None when it is too far away for that.

    Raise ProofError when it can be believed from nowhere.
    """
    proven = prove_block(block.raw, block.height, block.validators)
    if block.height == reached.height + 1:
        announced = block.signed.header.validators_hash == reached.next_hash
        require(announced, Step.VALIDATORS, f"they are not those that block {reached.height} announced")
    elif not _known(reached.validators, block):
        return None
    return Reached(block.height, block.validators, block.signed.header.next_validators_hash, block, proven)


def _known(trusted: TrustedSet, block: LightBlock) -> bool:
    if trusted.hash() == block.signed.header.validators_hash:
        return True
    return trusted.is_quorum(sum(one.power for one in signers(trusted, block.signed.commit)))


class Follower:
    """Blocks of a chain, each proven by the validators of its height.

    `kept` are blocks that an earlier one handed to `keep`. When they do not follow from the genesis, all of them are forgotten.
    """

    def __init__(
        self,
        genesis: TrustedSet,
        source: Source,
        kept: Sequence[LightBlock] = (),
        keep: Callable[[Sequence[LightBlock]], None] = lambda _: None,
    ) -> None:
        self.genesis = genesis
        self.source = source
        self._keep = keep
        self._sets = {genesis.hash(): genesis}
        self._way = [at_genesis(genesis)]
        if kept and not self._resume(kept):
            keep(())

    def through(self, source: Source) -> "Follower":
        """Return one that goes on from what was followed so far, through another node."""
        other = copy(self)
        other.source, other._sets, other._way = source, dict(self._sets), list(self._way)
        return other

    def _resume(self, kept: Sequence[LightBlock]) -> bool:
        way = [at_genesis(self.genesis)]
        try:
            for block in kept:
                reached = advance(way[-1], block) if block.height > way[-1].height else None
                if reached is None:
                    return False
                way.append(reached)
        except ProofError:
            return False
        self._way = way
        self._sets |= {one.validators.hash(): one.validators for one in way}
        return True

    def block(self, height: int) -> ProvenBlock:
        """Return what the block of a height proves. Raise ProofError with the failed step."""
        return self.prove(self._header(height), height)

    def prove(self, answer: Any, height: int) -> ProvenBlock:
        """Return the same of a signed header that came from elsewhere."""
        first = self.genesis.first_height
        require(height >= first, Step.CHAIN_AND_HEIGHT, f"there is no block {height}: the chain begins with {first}")
        reached = self._way[self._place(height)]
        if reached.height == height:
            return prove_block(answer, height, reached.validators)
        return self._walk(reached, self._light(answer, height))

    def next_validators(self, header: Header) -> TrustedSet:
        """Return who validates right above a block whose header is proven. Raise ProofError where the node shows others."""
        height, named = header.height + 1, header.next_validators_hash
        known = self._sets.get(named)
        return known or named_set(self.genesis.chain, self._validators(height), named)

    def _place(self, height: int) -> int:
        """Return which of the places that were reached is the last one up to a height."""
        return bisect_right(self._way, height, key=lambda one: one.height) - 1

    def _walk(self, reached: Reached, goal: LightBlock) -> ProvenBlock:
        goals = [goal]
        while True:
            further = advance(reached, goals[-1])
            if further is None:
                middle = (reached.height + goals[-1].height) // 2
                goals.append(self._light(self._header(middle), middle))
                continue
            goals.pop()
            self._note(reached, further)
            reached = further
            if not goals and further.proven:
                return further.proven

    def _note(self, below: Reached, above: Reached) -> None:
        """Remember the two blocks between which validators changed: all others follow from those in one step."""
        if len(self._way) >= _MOST_HELD or below.validators.hash() == above.validators.hash():
            return
        self._sets[above.validators.hash()] = above.validators
        before = len(self._way)
        self._insert(below)
        self._insert(above)
        if before < len(self._way) <= MOST_KEPT:
            self._keep([one.block for one in self._way if one.block])

    def _insert(self, reached: Reached) -> None:
        place = self._place(reached.height)
        if self._way[place].height == reached.height:
            return
        above = self._way[place + 1].block if place + 1 < len(self._way) else None
        # What is handed out must follow from block to block.
        if above is None or advance(reached, above) is not None:
            self._way.insert(place + 1, reached)

    def _light(self, raw: Any, height: int) -> LightBlock:
        signed = parsed(SignedHeader, raw)
        same = (signed.header.chain_id, signed.header.height) == (self.genesis.chain, height)
        require(same, Step.CHAIN_AND_HEIGHT, f"the node sent another block than {height} of chain {self.genesis.chain}")
        known = self._sets.get(signed.header.validators_hash)
        return light_block(raw, self.genesis.chain, known.validators if known else self._validators(height))

    def _validators(self, height: int) -> Sequence[Validator]:
        return self._ask(height, lambda: self.source.validators(height).validators)

    def _header(self, height: int) -> dict[str, Any]:
        return self._ask(height, lambda: self.source.signed_header(height))

    def _ask(self, height: int, question: Callable[[], _T]) -> _T:
        try:
            return question()
        except HostError as error:
            if _LEDGER_SAYS in error.what:
                raise refused(Step.CHAIN_AND_HEIGHT, f"the node shows no block {height}: {error.what}") from error
            raise

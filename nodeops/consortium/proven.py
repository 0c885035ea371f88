"""The policy and its proposals as they stand in the chain's state, proven: neither what is in force nor what is voted on is
anybody's word, not even that of a node of ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Timeout
from nodeops.ledger.answers import Validator
from nodeops.ledger.cometbft.answers import moment
from nodeops.ledger.cometbft.blocks import SignedHeader
from nodeops.ledger.cometbft.follow import Follower, light_block
from nodeops.ledger.cometbft.proof import ProvenBlock, Step, parsed, require
from nodeops.ledger.cometbft.trust import TrustedSet
from nodeops.ledger.cosmos.codec import FormError, decode
from nodeops.ledger.cosmos.group_state import STORE, Policy, Proposal, policy_key, proposal_key
from nodeops.ledger.cosmos.state import FIRST_PROVEN, ProvenState
from nodeops.ledger.driver import Driver
from nodeops.ledger.node.status import LIVE_WINDOW

M = TypeVar("M")
# The header that proves a height is that of the next block.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 30.0, 0.5
_FOUND_ANEW = "found it with this version"


def proven_policy(driver: Driver, block: Callable[[int], ProvenBlock], height: int | None = None) -> tuple[Policy, int]:
    """Return the consortium's policy at a height, and that height: the newest that can be proven when none is given.

    A chain that has just been started is waited for. `block` proves a block. Raise ProofError when the node cannot prove what it
    shows, Timeout when the next block does not come.
    """
    at = height or max(driver.status().height - 1, FIRST_PROVEN)
    found = _value(driver, block, policy_key(), at)
    if found is None:
        raise HostError("the chain has no policy of a consortium", where=f"height {at}", hint=_FOUND_ANEW)
    return _read(Policy, found, at), at


def proven_proposal(driver: Driver, block: Callable[[int], ProvenBlock], number: int) -> Proposal | None:
    """Return a proposal as the newest block left it, None when it is proven that the chain keeps none of this number.

    That takes one block more. Raise as `proven_policy` does.
    """
    at = max(driver.status().height, FIRST_PROVEN)
    found = _value(driver, block, proposal_key(number), at)
    return None if found is None else _read(Proposal, found, at)


@dataclass(frozen=True)
class ProvenValidators:
    """Who validates, proven by a block: those who made it, and those who make the next one."""

    block: ProvenBlock
    time: datetime
    now: Sequence[Validator]
    then: Sequence[Validator]


def proven_validators(driver: Driver, follower: Follower) -> ProvenValidators:
    """Return the validators of the newest block and of the one after it. Raise ProofError when the node cannot prove them."""
    height = driver.status().height
    raw = driver.signed_header(height)
    proven, chain = follower.prove(raw, height), follower.genesis.chain
    header = parsed(SignedHeader, raw).header
    now = light_block(raw, chain, driver.validators(height).validators).validators.validators
    then = driver.validators(height + 1).validators
    announced = TrustedSet(chain, tuple(then)).hash() == header.next_validators_hash
    require(announced, Step.VALIDATORS, f"those that the node shows for the block after {height} are not those it announced")
    return ProvenValidators(proven, moment(header.time), now, then)


def proven_signers(driver: Driver, follower: Follower) -> frozenset[str]:
    """Return the addresses of validators that signed one of the newest blocks, as `live_signers` counts them.

    Each block is proven, so no node shows a silent one as one that signs. Raise ProofError when it cannot prove a block.
    """
    # The block after it settles which votes the chain records of one.
    newest = driver.status().height - 1
    oldest = max(newest - LIVE_WINDOW + 1, follower.genesis.first_height)
    blocks = [follower.block(height) for height in range(oldest, newest + 1)]
    return frozenset(address for one in blocks for address in one.signers)


def _read(shape: type[M], value: bytes, height: int) -> M:
    try:
        return decode(shape, value)
    except FormError as error:
        raise HostError(f"the chain's state {error}", where=f"height {height}", hint=_FOUND_ANEW) from error


class _NotYetError(Exception):
    """The block that would prove it is not there yet."""


def _value(driver: Driver, block: Callable[[int], ProvenBlock], key: bytes, height: int) -> bytes | None:
    """Return what is proven to stand under a key, once the block after that height is there."""
    wait_for_block(driver, height + 1)
    return ProvenState(driver, block).value(STORE, key, height)


def wait_for_block(driver: Driver, height: int) -> None:
    """Return once a node has a block. Raise Timeout when it does not come."""
    waiting = Retrying(
        retry=retry_if_exception_type(_NotYetError), stop=stop_after_delay(_PATIENCE_SECONDS), wait=wait_fixed(_PAUSE_SECONDS)
    )
    try:
        waiting(_has_come, driver, height)
    except RetryError as error:
        hint = "nodeops status says why blocks stopped"
        raise Timeout(f"block {height} does not come", where="consortium", hint=hint) from error


def _has_come(driver: Driver, height: int) -> None:
    if driver.status().height < height:
        raise _NotYetError

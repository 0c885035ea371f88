"""The policy as it stands in the chain's state, proven: what is in force is nobody's word, not even that of a node of ours."""

from collections.abc import Callable

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Timeout
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cosmos.codec import FormError, decode
from nodeops.ledger.cosmos.group_state import STORE, Policy, policy_key
from nodeops.ledger.cosmos.state import ProvenState
from nodeops.ledger.driver import Driver

# The header that proves a height is that of the next block.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 30.0, 0.5


def proven_policy(driver: Driver, block: Callable[[int], ProvenBlock], height: int | None = None) -> tuple[Policy, int]:
    """Return the consortium's policy at a height, and that height: the newest that can be proven when none is given.

    `block` proves a block. Raise ProofError when the node cannot prove what it shows, Timeout when the next block does not come.
    """
    at = height or driver.status().height - 1
    if at < 1:
        raise Timeout("the chain has too few blocks to prove anything yet", where="consortium", hint="ask again in a few seconds")
    waiting = Retrying(
        retry=retry_if_exception_type(_NotYetError), stop=stop_after_delay(_PATIENCE_SECONDS), wait=wait_fixed(_PAUSE_SECONDS)
    )
    try:
        found = waiting(_value, driver, block, at)
    except RetryError as error:
        raise Timeout(
            f"block {at + 1} does not come", where="consortium", hint="nodeops status says why blocks stopped"
        ) from error
    if found is None:
        raise HostError("the chain has no policy of a consortium", where=f"height {at}", hint="found it with this version")
    try:
        return decode(Policy, found), at
    except FormError as error:
        raise HostError(f"the chain's policy {error}", where=f"height {at}", hint="found it with this version") from error


class _NotYetError(Exception):
    """The block that would prove it is not there yet."""


def _value(driver: Driver, block: Callable[[int], ProvenBlock], height: int) -> bytes | None:
    if driver.status().height <= height:
        raise _NotYetError
    return ProvenState(driver, block).value(STORE, policy_key(), height)

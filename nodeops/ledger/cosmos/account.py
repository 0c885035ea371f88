"""An account of a Cosmos SDK chain through a node: what number its next transaction has, and sending that transaction.

Nothing here is proven: it serves whoever signs. A node that lies about a number makes a signature that no chain takes.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, ValidationError
from tenacity import RetryError, Retrying, TryAgain, retry_if_exception, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Timeout
from nodeops.core.printable import printable
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.cometbft.blocks import Answer, Height, UInt32
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT
from nodeops.ledger.cosmos.codec import FormError, decode, encode
from nodeops.ledger.cosmos.messages import Packed
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.cosmos.tx import GAS, Signer, sign
from nodeops.ledger.driver import Driver

_POLL_SECONDS = 0.25
# types/errors/errors.go of cosmos-sdk at tag v0.53.8.
WRONG_SEQUENCE = 32
_NOT_FOUND = 22
BASE_ACCOUNT = "/cosmos.auth.v1beta1.BaseAccount"
# A node that has just started judges signatures as if no block had been made, until it has one.
JUST_STARTED = 4
# Something else of the same key waits for its block, or the node for its first one.
_PATIENCE_SECONDS = 30.0
_ABSENT = "not found"
# So many blocks may take a transaction. One that a node holds back is worth nothing after them: nobody can bring it out when
# its signer has thought better of it.
LIFE_BLOCKS = 100
_HINT = "until then ask again before sending it again; if blocks stopped, nodeops status says why"


@dataclass(frozen=True)
class BaseAccount:
    """cosmos.auth.v1beta1.BaseAccount: `number` for good, `sequence` is how many transactions the account has had."""

    address: Annotated[str, 1]
    key: Annotated[Packed | None, 2]
    number: Annotated[int, 3]
    sequence: Annotated[int, 4]


@dataclass(frozen=True)
class _Question:
    address: Annotated[str, 1]


@dataclass(frozen=True)
class _Found:
    account: Annotated[Packed | None, 1]


class _TxResult(Answer):
    code: UInt32
    log: Annotated[str, Field(max_length=100_000)] = ""


class _Committed(Answer):
    height: Height
    tx_result: _TxResult


@dataclass(frozen=True)
class Sent:
    """A transaction that a block took, and what the application made of it: code 0 when it holds."""

    hash: str
    height: int
    sequence: int
    code: int
    log: str


def account(driver: Driver, address: str) -> BaseAccount | None:
    """Return an account as this node says it is, None when it says that there is none. Raise HostError for nonsense."""
    try:
        answer = driver.state("/cosmos.auth.v1beta1.Query/Account", encode(_Question(address)))
    except ApplicationRefused as error:
        if error.code == _NOT_FOUND:
            return None
        raise
    try:
        packed = decode(_Found, base64.b64decode(answer.get("value") or "")).account
        if packed is None or packed.url != BASE_ACCOUNT:
            raise FormError("is no account with a key")
        return decode(BaseAccount, packed.value)
    except ValueError as error:
        raise HostError(f"the answer cannot be true: {error}", where="Query/Account", hint=LIE_HINT) from error


def send(
    driver: Driver,
    chain: str,
    key: SigningKey,
    messages: Sequence[Packed],
    memo: str = "",
    *,
    gas: int = GAS,
    timeout_seconds: float = 60.0,
) -> Sent:
    """Sign messages, hand them to the node, wait for their block and return what came of them.

    Raise HostError when the account does not exist, ApplicationRefused when the node takes no such transaction, Timeout when
    no block took it in time. A number that something else uses, which waits for its block, is read again after a while.
    No block later than LIFE_BLOCKS after the node's newest takes it.
    """
    attempts = Retrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_delay(min(timeout_seconds, _PATIENCE_SECONDS)),
        wait=wait_fixed(1),
        reraise=True,
    )
    return _wait(driver, attempts(_broadcast, driver, chain, key, messages, memo, gas), timeout_seconds)


def _passes(error: BaseException) -> bool:
    return isinstance(error, ApplicationRefused) and error.code in (WRONG_SEQUENCE, JUST_STARTED)


@dataclass(frozen=True)
class _OnItsWay:
    """A transaction that a node has taken. No block above `last` may hold it."""

    hash: str
    sequence: int
    last: int


def _broadcast(driver: Driver, chain: str, key: SigningKey, messages: Sequence[Packed], memo: str, gas: int) -> _OnItsWay:
    found = account(driver, key.address)
    if found is None:
        hint = "only organisations and whom they gave an account may write: is this the right key, and the right chain?"
        raise HostError(f"chain {chain} knows no account of this key", where=key.address, hint=hint)
    last = driver.status().height + LIFE_BLOCKS
    raw = sign(messages, [Signer(key, found.number, found.sequence)], chain, memo, gas=gas, timeout_height=last)
    return _OnItsWay(driver.broadcast(raw), found.sequence, last)


def _wait(driver: Driver, sent: _OnItsWay, timeout_seconds: float) -> Sent:
    attempts = Retrying(
        retry=retry_if_exception_type(TryAgain), stop=stop_after_delay(timeout_seconds), wait=wait_fixed(_POLL_SECONDS)
    )
    try:
        found = attempts(_committed, driver, sent.hash)
    except RetryError as error:
        text = f"not committed within {timeout_seconds:g} seconds; a block up to {sent.last} may still hold it, and none after"
        raise Timeout(text, where=f"transaction {sent.hash}", hint=_HINT) from error
    return Sent(sent.hash, found.height, sent.sequence, found.tx_result.code, printable(found.tx_result.log))


def _committed(driver: Driver, tx_hash: str) -> _Committed:
    try:
        return _Committed.model_validate(driver.transaction(tx_hash, prove=False))
    except ValidationError as error:
        raise HostError("the answer cannot be true: it is no transaction", where=tx_hash, hint=LIE_HINT) from error
    except HostError as error:
        if _ABSENT in error.what:
            raise TryAgain from error
        raise

"""Put bytes under a key of the ledger, and read them back in ledger order, each proven.

The general layer under records: anything small that must be agreed between organisations can use it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tenacity import RetryError, Retrying, TryAgain, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.digest import sha256
from nodeops.core.errors import HostError, Timeout
from nodeops.document.models import NodeDocument
from nodeops.ledger.cometbft.blocks import TransactionAnswer
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.cometbft.proof import (
    ProofError,
    ProvenBlock,
    ProvenTransaction,
    Step,
    parse_transaction,
    prove_transaction,
)
from nodeops.ledger.driver import Driver, driver_for
from nodeops.records.versions import MAX_TRANSACTION_BYTES, History, Version, content, record_history, transaction

_POLL_SECONDS = 0.25
_KEPT_BLOCKS = 1_000
# What CometBFT v0.38 says, inside the driver's error, when that is no fault (rpc/core/tx.go, mempool/errors.go).
_NOT_FOUND = "not found"
_CACHED = "already exists in cache"
_LEDGER_SAYS = "the ledger says"
_TIMEOUT_HINT = "it may still be committed: run the same again, which is safe; if blocks stopped, nodeops status says why"


def open_store(document: NodeDocument) -> "Store":
    """Return the store behind this host's own node, trusting this host's genesis. Raise HostError without a genesis."""
    driver = driver_for(document)
    return Store(driver, open_follower(document, driver).block)


@dataclass(frozen=True)
class Shown:
    """What a node shows under a key: the proven versions, oldest first, and how many entries are none by size or form."""

    versions: list[Version]
    skipped: int


class Store:
    """Bytes under keys, through one node that need not be honest. Keys come from `records.ledger_key`.

    `block` proves the block of a height, or raises ProofError.
    """

    def __init__(self, driver: Driver, block: Callable[[int], ProvenBlock]) -> None:
        self.driver = driver
        # Entries come in ledger order, so those of one block follow each other; a few thousand blocks are a few MB.
        self.block = lru_cache(maxsize=_KEPT_BLOCKS)(block)

    def put(self, key: str, value: bytes, timeout_seconds: float = 60.0) -> Version:
        """Put bytes under a key and return them with their proof, once committed.

        The same bytes under the same key are one version: putting them again changes nothing, so a caller that wants a
        new version makes its bytes differ. Raise Timeout when no block took them in time; putting again is safe.
        """
        tx_hash = transaction_hash(transaction(key, value))
        found = self.find(tx_hash)
        if found is None:
            self.broadcast(key, value)
            found = self.wait(tx_hash, timeout_seconds)
        return Version(key, value, found)

    def history(self, key: str) -> list[Version]:
        """Return all versions under a key that the node shows, oldest first. Raise ProofError when one does not hold."""
        return self.read(key).versions

    def read(self, key: str) -> Shown:
        """Return what `history` does, and how much under the key is none by size or form: it is not proven and not kept.

        A node can hide versions; it cannot make one up, change one, or change their order.
        """
        versions: dict[str, Version] = {}
        skipped = 0
        for raw in self.driver.search(key):
            answer = parse_transaction(raw) if raw is not None else None
            if answer is None or not _readable(answer.tx, key):
                skipped += 1
            # The application also indexes values as app.key: what is under another key is not ours.
            elif (parts := content(answer.tx)) and parts[0] == key:
                found = self._prove(answer)
                versions[found.hash] = Version(key, parts[1], found)
        return Shown(sorted(versions.values(), key=lambda version: version.proven.order), skipped)

    def record_history(self, key: str) -> History:
        """Return the history of the record under a ledger key. Raise as `read` does."""
        shown = self.read(key)
        return record_history(shown.versions, shown.skipped)

    def find(self, tx_hash: str) -> ProvenTransaction | None:
        """Return a committed transaction by its hash (upper-case hex), proven, or None when the node shows none."""
        try:
            answer = self.driver.transaction(tx_hash)
        except HostError as error:
            if _LEDGER_SAYS in error.what and _NOT_FOUND in error.what:
                return None
            raise
        found = self._prove(parse_transaction(answer))
        if found.hash != tx_hash:
            raise ProofError("the node sent another transaction than the one asked for", where=Step.TRANSACTION_HASH)
        return found

    def broadcast(self, key: str, value: bytes) -> str:
        """Hand bytes to the node for the next block and return the transaction's hash. Sending twice does no harm.

        Raise HostError when the node or its application does not take them.
        """
        tx = transaction(key, value)
        try:
            self.driver.broadcast(tx)
        except HostError as error:
            if _CACHED not in error.what:
                raise
        return transaction_hash(tx)

    def wait(self, tx_hash: str, timeout_seconds: float) -> ProvenTransaction:
        """Return a transaction once it is committed and proven. Raise Timeout when that takes too long."""
        attempts = Retrying(
            retry=retry_if_exception_type(TryAgain), stop=stop_after_delay(timeout_seconds), wait=wait_fixed(_POLL_SECONDS)
        )
        try:
            return attempts(self._committed, tx_hash)
        except RetryError as error:
            text = f"not committed within {timeout_seconds:g} seconds"
            raise Timeout(text, where=f"transaction {tx_hash}", hint=_TIMEOUT_HINT) from error

    def _committed(self, tx_hash: str) -> ProvenTransaction:
        found = self.find(tx_hash)
        if found is None:
            raise TryAgain
        return found

    def _prove(self, answer: TransactionAnswer) -> ProvenTransaction:
        return prove_transaction(answer, self.block(answer.height))


def _readable(tx: bytes, key: str) -> bool:
    """Tell whether a transaction is small enough and, when it is under this key, in the form of a version."""
    if len(tx) > MAX_TRANSACTION_BYTES:
        return False
    return content(tx) is not None or tx.partition(b"=")[0] != key.encode()


def transaction_hash(tx: bytes) -> str:
    """Return the hash that names a transaction, as the ledger writes it: 64 upper-case hex digits."""
    return sha256(tx).upper()

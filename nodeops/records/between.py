"""Which blocks between two heights name an account: by all of their headers, so that none can be kept back.

Where a node has forgotten the states that say what used a number up, this says it without them: whatever uses a number up stands
between the numbers around it, and no accepted transaction stands there that is not in one of these blocks.
"""

import hashlib
from collections.abc import Callable, Iterator

from nodeops.ledger.cometbft.contents import prove_transactions
from nodeops.ledger.cometbft.linked import linked
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.driver import Driver

# types/block.go, Data.Hash: a block without transactions.
_NOTHING = hashlib.sha256().digest()


def naming(driver: Driver, block: Callable[[int], ProvenBlock], address: str, first: int, last: int) -> Iterator[int]:
    """Yield the heights from `last` down to `first` whose blocks hold what names an account. `block` proves a block.

    Every message names who signs it by the address as text. Raise ProofError for what the node shows and does not hold.
    """
    for header in linked(driver.headers(first, last), block(last), first):
        if header.data_hash == _NOTHING:
            continue
        txs = prove_transactions(driver.block(header.height), header.data_hash)
        if any(address.encode() in tx.lower() for tx in txs):
            yield header.height

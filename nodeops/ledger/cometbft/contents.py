"""Prove what a block holds, and what the application made of each transaction in it. Pure.

The header of a block has the hash of its transactions, the header of the next one that of their results: code, data and gas
(types/block.go, Data.Hash; types/results.go, NewResults; both at tag v0.38.21). So whoever has both headers needs no word of
the node about either: nothing can be left out of a block, and no failed transaction passes for one that was accepted.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from nodeops.ledger.cometbft.blocks import Answer, Blob, Height, SignedInt64, UInt32, merkle_root
from nodeops.ledger.cometbft.proof import ProvenBlock, Step, parsed, require
from nodeops.ledger.cometbft.protowire import blob, integer

# No block of ours is larger than 4 MiB, and each transaction costs two bytes, be it empty.
_MOST = (4 << 20) // 2


class _Data(Answer):
    txs: Annotated[list[Blob] | None, Field(max_length=_MOST)] = None


class _Block(Answer):
    data: _Data


class BlockAnswer(Answer):
    """`block`: the transactions alone."""

    block: _Block


class _Result(Answer):
    """What the application says of a transaction, as far as all nodes agree on it. Whoever sends it chooses the gas it wants."""

    code: UInt32 = 0
    data: Blob = b""
    gas_wanted: SignedInt64 = 0
    gas_used: SignedInt64 = 0

    def hashed(self) -> bytes:
        """Return what is hashed (proto/tendermint/abci/types.proto, ExecTxResult)."""
        return integer(1, self.code) + blob(2, self.data) + integer(5, self.gas_wanted) + integer(6, self.gas_used)


class ResultsAnswer(Answer):
    """`block_results`: those of transactions alone."""

    height: Height
    txs_results: Annotated[list[_Result] | None, Field(max_length=_MOST)] = None


@dataclass(frozen=True)
class Included:
    """A transaction in a block: its bytes, its place there from 0, and the code the application gave it, 0 when it holds."""

    tx: bytes
    place: int
    code: int

    @property
    def hash(self) -> str:
        """Return the hash that names it, as the ledger writes it: 64 upper-case hex digits."""
        return hashlib.sha256(self.tx).hexdigest().upper()


def prove_transactions(block: Any, data_hash: bytes) -> list[bytes]:
    """Return all transactions of a block whose header has this hash of them. Raise ProofError with the failed step."""
    txs = parsed(BlockAnswer, block).block.data.txs or []
    hashes = [hashlib.sha256(tx).digest() for tx in txs]
    require(merkle_root(hashes) == data_hash, Step.MERKLE_PROOF, "the block does not hold these transactions")
    return txs


def prove_contents(block: Any, results: Any, proven: ProvenBlock, following: ProvenBlock) -> list[Included]:
    """Return all transactions of a proven block, in its order, with what came of each. `following` is the block after it.

    `block` and `results` are a node's answers, raw. Raise ProofError with the failed step.
    """
    txs = prove_transactions(block, proven.data_hash)
    found = parsed(ResultsAnswer, results)
    require(following.height == found.height + 1 == proven.height + 1, Step.CHAIN_AND_HEIGHT, "the results are of another block")
    judged = found.txs_results or []
    root = merkle_root([one.hashed() for one in judged])
    require(root == following.results_hash, Step.RESULTS, "the application said something else of these transactions")
    require(len(judged) == len(txs), Step.RESULTS, "there are not as many results as transactions")
    return [Included(tx, place, one.code) for place, (tx, one) in enumerate(zip(txs, judged, strict=True))]

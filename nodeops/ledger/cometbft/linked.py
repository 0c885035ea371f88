"""Prove headers downwards: each names the block below it by its hash, so one proven block proves all below it. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from nodeops.ledger.cometbft.blocks import Header, header_hash
from nodeops.ledger.cometbft.proof import ProvenBlock, Step, parsed, require


def linked(answers: Iterable[Any], top: ProvenBlock, first: int) -> Iterator[Header]:
    """Yield the headers of all heights from a proven block's down to `first`, from a node's raw answers in that order.

    Nothing is asked for beyond what is taken. Raise ProofError with the failed step, also when there are too few.
    """
    expected, height = bytes.fromhex(top.hash), top.height
    for answer in answers:
        header = parsed(Header, answer)
        require(header.height == height, Step.CHAIN_AND_HEIGHT, f"the node sent another header than that of block {height}")
        require(
            header_hash(header) == expected, Step.BLOCK_HEADER, f"block {height} is not the one that the block above it names"
        )
        yield header
        expected, height = header.last_block_id.hash, height - 1
    require(height < first, Step.CHAIN_AND_HEIGHT, f"the node ends its headers above block {height}")

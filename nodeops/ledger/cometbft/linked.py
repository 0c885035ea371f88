"""Prove headers downwards: each names the block below it by its hash, so one proven block proves all below it, and the votes for
them. Pure.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from nodeops.ledger.cometbft.blocks import Commit, Header, SignedHeader, commit_hash, header_hash
from nodeops.ledger.cometbft.proof import ProvenBlock, Step, parsed, require

T = TypeVar("T")


def linked(answers: Iterable[Any], top: ProvenBlock, first: int) -> Iterator[Header]:
    """Yield the headers of all heights from a proven block's down to `first`, from a node's raw answers in that order.

    Nothing is asked for beyond what is taken. Raise ProofError with the failed step, also when there are too few.
    """
    yield from _linked((parsed(Header, one) for one in answers), lambda header: header, top, first)


def linked_signed(answers: Iterable[Any], top: ProvenBlock, first: int) -> Iterator[SignedHeader]:
    """Yield the same with the votes that the node shows for each: only `settled` proves those. Raise as `linked`."""
    yield from _linked((parsed(SignedHeader, one) for one in answers), lambda signed: signed.header, top, first)


def _linked(found: Iterable[T], header_of: Callable[[T], Header], top: ProvenBlock, first: int) -> Iterator[T]:
    expected, height = bytes.fromhex(top.hash), top.height
    for one in found:
        header = header_of(one)
        require(header.height == height, Step.CHAIN_AND_HEIGHT, f"the node sent another header than that of block {height}")
        require(
            header_hash(header) == expected, Step.BLOCK_HEADER, f"block {height} is not the one that the block above it names"
        )
        yield one
        expected, height = header.last_block_id.hash, height - 1
    require(height < first, Step.CHAIN_AND_HEIGHT, f"the node ends its headers above block {height}")


def settled(signed: SignedHeader, above: Header) -> Commit:
    """Return the votes for a block as the proven header above it holds them, by `last_commit_hash`. Raise ProofError for others.

    A commit as a node shows it proves that a block was made, not who is live: a node may leave out of it what it likes, as long
    as more than 2/3 are left. What the block above holds of it is the same for everybody.
    """
    held = commit_hash(signed.commit) == above.last_commit_hash
    text = f"the votes for block {signed.header.height} are not those that the block above it holds"
    require(held, Step.SIGNATURES, text)
    return signed.commit

"""What a node's signed headers prove for a restore: the block, who signed it, whether this validator did. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from nodeops.backup.restore.plan import Block
from nodeops.ledger.cometbft.answers import hexadecimal
from nodeops.ledger.cometbft.blocks import Flag, SignedHeader
from nodeops.ledger.cometbft.proof import ProvenBlock

Prove = Callable[[Any, int], ProvenBlock]


def proven(answer: Any, height: int, prove: Prove, organisations: Mapping[str, str], own: str) -> Block:
    """Return the block of a height. Raise ProofError when `prove` does: its validators with 2/3 of the power did not sign it.

    `organisations` are those of the validators by address. A vote of `own` counts whether it was for the block or for nil, and
    whether or not it verifies: where it stands, somebody put it there with the chain's consent, or lies to keep us out.
    """
    block = prove(answer, height)
    signed = SignedHeader.model_validate(answer)
    votes = {hexadecimal(one.validator_address) for one in signed.commit.signatures if one.block_id_flag is not Flag.ABSENT}
    signers = frozenset(organisations[address] for address in block.signers if address in organisations)
    return Block(height, block.hash, signed.header.time.seconds, signed.commit.round, signers, own in votes)

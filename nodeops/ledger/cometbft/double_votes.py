"""Evidence in blocks that a validator voted twice: for two blocks at one height, in one round. Pure.

CometBFT verifies evidence before it votes for a block that holds it, so what stands under a header's `evidence_hash` was
verified by more than 2/3 of the power. Here it is only proven to stand there (types/evidence.go, EvidenceList.Hash and
DuplicateVoteEvidence.Bytes; proto/tendermint/types/evidence.proto and types.proto, all at tag v0.38.21).
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from nodeops.ledger.cometbft.answers import hexadecimal
from nodeops.ledger.cometbft.blocks import (
    Address,
    Answer,
    Blob,
    BlockId,
    Height,
    Int32,
    Int64,
    Signature,
    Time,
    encoded_block_id,
    encoded_time,
    merkle_root,
)
from nodeops.ledger.cometbft.proof import Step, parsed, require
from nodeops.ledger.cometbft.protowire import blob, integer, message

NO_EVIDENCE = hashlib.sha256().digest()


class _Vote(Answer):
    type: Int32
    height: Height
    round: Int32
    block_id: BlockId
    timestamp: Time
    validator_address: Address
    validator_index: Int32
    signature: Signature
    extension: Blob = b""
    extension_signature: Blob = b""

    def encoded(self) -> bytes:
        """Return the vote as it stands in evidence."""
        head = integer(1, self.type) + integer(2, self.height) + integer(3, self.round)
        place = message(4, encoded_block_id(self.block_id)) + message(5, encoded_time(self.timestamp))
        voter = blob(6, self.validator_address) + integer(7, self.validator_index) + blob(8, self.signature)
        return head + place + voter + blob(9, self.extension) + blob(10, self.extension_signature)


class _Pair(Answer):
    vote_a: _Vote
    vote_b: _Vote
    total_power: Annotated[Int64, Field(alias="TotalVotingPower")]
    power: Annotated[Int64, Field(alias="ValidatorPower")]
    time: Annotated[Time, Field(alias="Timestamp")]

    def encoded(self) -> bytes:
        """Return the bytes that are hashed."""
        votes = message(1, self.vote_a.encoded()) + message(2, self.vote_b.encoded())
        return votes + integer(3, self.total_power) + integer(4, self.power) + message(5, encoded_time(self.time))


class _Evidence(Answer):
    # The other kind, an attack on light clients, takes keys of a third of the power; no chain of ours can go on after it.
    type: Literal["tendermint/DuplicateVoteEvidence"]
    value: _Pair


class _List(Answer):
    evidence: list[_Evidence] | None = None


class _Block(Answer):
    evidence: _List


class _BlockAnswer(Answer):
    block: _Block


@dataclass(frozen=True)
class DoubleVote:
    """Who voted twice (address, upper-case hex), and at which height."""

    address: str
    height: int


def double_votes(block: Any, evidence_hash: bytes) -> list[DoubleVote]:
    """Return the evidence in a block whose header has this hash of it. Raise ProofError with the failed step."""
    found = [one.value for one in parsed(_BlockAnswer, block).block.evidence.evidence or []]
    whole = merkle_root([one.encoded() for one in found]) == evidence_hash
    require(whole, Step.MERKLE_PROOF, "the block does not hold this evidence of double votes")
    return [DoubleVote(hexadecimal(one.vote_a.validator_address), one.vote_a.height) for one in found]

"""Prove that a transaction is in a block that more than 2/3 of the trusted voting power has committed.

Pure: the answers of a node go in, a proven fact or a ProofError that names the failed step comes out. The steps:

1. transaction hash: the hash the node gave is the SHA-256 of the transaction it gave;
2. Merkle proof: that hash is a leaf of the tree whose root is the data hash of the block's header;
3. chain and height: the header and the commit are of this chain and of the height asked for;
4. block header: all fourteen fields of the header hash to the block id in the commit;
5. validators: the header names exactly those of its height, who were followed from the genesis (follow.py);
6. signatures: those with more than 2/3 of their power signed that block id.

So one lying node can neither make up a transaction nor change one. It can still keep silent about one.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import ValidationError

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.blocks import (
    Answer,
    MerkleProof,
    SignedHeader,
    TransactionAnswer,
    header_hash,
    inner_hash,
    leaf_hash,
    split_point,
)
from nodeops.ledger.cometbft.trust import TrustedSet, signers

ANOTHER_NODE = "ask a node of another organisation: this one lies or is broken"
_A = TypeVar("_A", bound=Answer)


class Step(StrEnum):
    """The steps of a proof, as they are named to people."""

    ANSWER = "answer"
    TRANSACTION_HASH = "transaction hash"
    MERKLE_PROOF = "Merkle proof"
    CHAIN_AND_HEIGHT = "chain and height"
    BLOCK_HEADER = "block header"
    VALIDATORS = "validators"
    SIGNATURES = "signatures"
    RESULTS = "results"


class ProofError(HostError):
    """What a node said cannot be proven. `where` is the failed step, `what` the reason."""


@dataclass(frozen=True)
class ProvenBlock:
    """A block header that holds: who signed it, with which voting power.

    `app_hash` is of the application's state after the block below, `results_hash` of what came of that block's transactions.
    """

    height: int
    time: str
    hash: str
    data_hash: bytes
    app_hash: bytes
    results_hash: bytes
    power: int
    total_power: int
    signers: tuple[str, ...]


@dataclass(frozen=True)
class ProvenTransaction:
    """A transaction that holds, with its place: `path` is the way from the root (True is right), in block order."""

    tx: bytes
    hash: str
    path: tuple[bool, ...]
    block: ProvenBlock

    @property
    def order(self) -> tuple[int, tuple[bool, ...]]:
        """Return what sorts transactions into ledger order. Only proven facts enter: not the index a node claims."""
        return self.block.height, self.path


def parse_transaction(answer: Any) -> TransactionAnswer:
    """Return one element of `tx_search`, or the answer of `tx`. Raise ProofError for a wrong shape."""
    return parsed(TransactionAnswer, answer)


def prove_block(answer: Any, height: int, trusted: TrustedSet) -> ProvenBlock:
    """Return what a signed header proves about the block at a height, whose validators are these. Raise ProofError."""
    signed = parsed(SignedHeader, answer)
    header, commit = signed.header, signed.commit
    require(header.chain_id == trusted.chain, Step.CHAIN_AND_HEIGHT, "the block is of another chain than this host's genesis")
    require(header.height == commit.height == height, Step.CHAIN_AND_HEIGHT, f"the node sent another block than {height}")
    block_hash = header_hash(header)
    require(block_hash == commit.block_id.hash, Step.BLOCK_HEADER, "the header is not the one that was voted on")
    named = header.validators_hash == trusted.hash()
    require(named, Step.VALIDATORS, f"the header names others than those that this host's genesis leads to at {height}")
    signed_by = signers(trusted, commit)
    power = sum(validator.power for validator in signed_by)
    too_little = f"validators with power {power} of {trusted.power} signed; more than 2/3 must"
    require(trusted.is_quorum(power), Step.SIGNATURES, too_little)
    names = tuple(validator.address for validator in signed_by)
    return ProvenBlock(
        height=height,
        time=str(header.time),
        hash=block_hash.hex().upper(),
        data_hash=header.data_hash,
        app_hash=header.app_hash,
        results_hash=header.last_results_hash,
        power=power,
        total_power=trusted.power,
        signers=names,
    )


def prove_transaction(answer: TransactionAnswer, block: ProvenBlock) -> ProvenTransaction:
    """Return the transaction, proven to be in a proven block. Raise ProofError with the failed step."""
    digest = hashlib.sha256(answer.tx).digest()
    require(answer.hash == digest, Step.TRANSACTION_HASH, "the transaction does not have the hash that names it")
    require(answer.height == block.height, Step.CHAIN_AND_HEIGHT, f"the transaction is not of block {block.height}")
    proof = answer.proof
    consistent = proof.data == answer.tx and proof.root_hash == block.data_hash and proof.proof.leaf_hash == leaf_hash(digest)
    require(consistent, Step.MERKLE_PROOF, "the proof is for another transaction or another block")
    path = path_to(proof.proof.index, proof.proof.total)
    root = _root(proof.proof, path)
    require(root == block.data_hash, Step.MERKLE_PROOF, "the proof does not lead to the block's data hash")
    return ProvenTransaction(answer.tx, digest.hex().upper(), path, block)


def path_to(index: int, total: int) -> tuple[bool, ...]:
    """Return the way from the root of a tree of `total` leaves to leaf `index`; True is right. Raise ProofError."""
    require(0 <= index < total, Step.MERKLE_PROOF, "the proof is for a leaf outside its tree")
    path = []
    while total > 1:
        left = split_point(total)
        right = index >= left
        path.append(right)
        index, total = (index - left, total - left) if right else (index, left)
    return tuple(path)


def _root(proof: MerkleProof, path: tuple[bool, ...]) -> bytes:
    require(len(path) == len(proof.aunts), Step.MERKLE_PROOF, "the proof has too few or too many hashes")
    node = proof.leaf_hash
    for right, aunt in zip(reversed(path), proof.aunts, strict=True):
        node = inner_hash(aunt, node) if right else inner_hash(node, aunt)
    return node


def parsed(model: type[_A], answer: Any) -> _A:
    """Return what a node sent as a checked shape. Raise ProofError when it has another."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        item = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, item["loc"]))
        raise refused(Step.ANSWER, f"{place or 'it'}: {item['msg'].removeprefix('Value error, ')}") from error


def require(holds: bool, step: StrEnum, reason: str) -> None:
    """Raise ProofError with the failed step unless something holds."""
    if not holds:
        raise refused(step, reason)


def refused(step: StrEnum, reason: str) -> ProofError:
    """Return the error that names a failed step."""
    return ProofError(reason, where=step, hint=ANOTHER_NODE)

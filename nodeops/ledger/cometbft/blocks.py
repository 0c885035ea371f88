"""Block headers and commits of CometBFT v0.38 as an RPC shows them, and the bytes that are hashed and signed. Pure.

Everything here comes from a node that may lie: shapes, sizes and ranges are checked before use. Sources of the
encodings: types/block.go (Header.Hash, Commit.Hash), types/canonical.go and types/vote.go (VoteSignBytes), crypto/merkle/tree.go
and the .proto files beside them, all at tag v0.38.21.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from nodeops.ledger.cometbft.protowire import blob, delimited, fixed64, integer, message

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRECOMMIT = 2
# types/validator_set.go, MaxVotesCount.
_MAX_SIGNATURES = 10_000
# crypto/merkle/proof.go, MaxAunts: a tree of 2^100 leaves.
MAX_AUNTS = 100


class Timestamp(NamedTuple):
    """A point in time as Protocol Buffers hold it: seconds since 1970 UTC, and nanoseconds within the second."""

    seconds: int
    nanos: int

    def __str__(self) -> str:
        """Return the time in UTC to the second, for people and for JSON."""
        return datetime.fromtimestamp(self.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Flag(IntEnum):
    """What a validator's slot in a commit holds (proto/tendermint/types/validator.proto)."""

    ABSENT = 1
    COMMIT = 2
    NIL = 3


def _integer(value: Any) -> int:
    """CometBFT writes 64-bit integers as JSON strings and smaller ones as numbers; both are read, nothing else."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("is not an integer")


def _hexadecimal(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", value, re.ASCII):
        raise ValueError("is not hexadecimal")
    return bytes.fromhex(value)


def _base64(value: Any) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str):
        raise ValueError("is not base64")  # noqa: TRY004 - pydantic wants ValueError
    return base64.b64decode(value, validate=True)


def _timestamp(value: Any) -> Timestamp:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("is not a time in UTC")
    since = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - _EPOCH
    return Timestamp(since.days * 86400 + since.seconds, int((match[2] or "0").ljust(9, "0")))


Int32 = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=1 << 31)]
UInt32 = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=1 << 32)]
Int64 = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=1 << 63)]
SignedInt64 = Annotated[int, BeforeValidator(_integer), Field(ge=-(1 << 63), lt=1 << 63)]
UInt64 = Annotated[int, BeforeValidator(_integer), Field(ge=0, lt=1 << 64)]
Height = Annotated[int, BeforeValidator(_integer), Field(ge=1, lt=1 << 63)]
Hash = Annotated[bytes, BeforeValidator(_hexadecimal), Field(min_length=32, max_length=32)]
# The first block has no block before it, so its last_block_id is empty; the application chooses its own hash length.
OptionalHash = Annotated[bytes, BeforeValidator(_hexadecimal), Field(max_length=32)]
AppHash = Annotated[bytes, BeforeValidator(_hexadecimal), Field(max_length=1024)]
Address = Annotated[bytes, BeforeValidator(_hexadecimal), Field(max_length=20)]
Blob = Annotated[bytes, BeforeValidator(_base64)]
# types/signable.go: MaxSignatureSize.
Signature = Annotated[bytes, BeforeValidator(_base64), Field(max_length=96)]
HashBlob = Annotated[bytes, BeforeValidator(_base64), Field(min_length=32, max_length=32)]
Time = Annotated[Timestamp, BeforeValidator(_timestamp)]


class Answer(BaseModel):
    """Part of an RPC answer. Fields that are not needed are ignored: nothing is concluded from them."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Parts(Answer):
    """How many parts a block was gossiped in, and the root hash over them."""

    total: UInt32
    hash: OptionalHash


class BlockId(Answer):
    """What validators vote on: the hash of a header and the parts of its block."""

    hash: OptionalHash
    parts: Parts


class Version(Answer):
    """Protocol versions of the block and of the application."""

    block: UInt64
    app: UInt64 = 0


class Header(Answer):
    """A block header: all fourteen fields, in the order in which they are hashed."""

    version: Version
    chain_id: Annotated[str, Field(max_length=50)]
    height: Height
    time: Time
    last_block_id: BlockId
    last_commit_hash: Hash
    data_hash: Hash
    validators_hash: Hash
    next_validators_hash: Hash
    consensus_hash: Hash
    app_hash: AppHash
    last_results_hash: Hash
    evidence_hash: Hash
    proposer_address: Address


class CommitSignature(Answer):
    """The slot of one validator in a commit."""

    block_id_flag: Flag
    validator_address: Address
    timestamp: Time
    signature: Signature


class Commit(Answer):
    """The precommits for one block."""

    height: Height
    round: Int32
    block_id: BlockId
    signatures: Annotated[list[CommitSignature], Field(max_length=_MAX_SIGNATURES)]


class SignedHeader(Answer):
    """A header with the commit that makes it final."""

    header: Header
    commit: Commit


class MerkleProof(Answer):
    """The way from one leaf to the root: `aunts` are the sibling hashes, the leaf's own sibling first."""

    total: Int64
    index: Int64
    leaf_hash: HashBlob
    aunts: Annotated[list[HashBlob], Field(max_length=MAX_AUNTS)]


class TransactionProof(Answer):
    """A transaction's proof as `tx` and `tx_search` return it."""

    root_hash: Hash
    data: Blob
    proof: MerkleProof


class TransactionAnswer(Answer):
    """A committed transaction as `tx` and `tx_search` return it, asked for with its proof."""

    hash: Hash
    height: Height
    tx: Blob
    proof: TransactionProof


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962 §2.1: a leaf can never pass for an inner node)."""
    return hashlib.sha256(b"\0" + leaf).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\1" + left + right).digest()


def split_point(leaves: int) -> int:
    """Return how many of two or more leaves hang on the left: the largest power of two below their number."""
    return 1 << ((leaves - 1).bit_length() - 1)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaves; the hash of nothing when there are none."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else hashlib.sha256(b"").digest()
    middle = split_point(len(leaves))
    return inner_hash(merkle_root(leaves[:middle]), merkle_root(leaves[middle:]))


def header_hash(header: Header) -> bytes:
    """Return the hash that names a block: the Merkle root over its fourteen encoded header fields."""
    hashes = (
        header.last_commit_hash,
        header.data_hash,
        header.validators_hash,
        header.next_validators_hash,
        header.consensus_hash,
        header.app_hash,
        header.last_results_hash,
        header.evidence_hash,
        header.proposer_address,
    )
    return merkle_root(
        [
            integer(1, header.version.block) + integer(2, header.version.app),
            blob(1, header.chain_id.encode()),
            integer(1, header.height),
            encoded_time(header.time),
            encoded_block_id(header.last_block_id),
            *(blob(1, value) for value in hashes),
        ]
    )


def commit_hash(commit: Commit) -> bytes:
    """Return the hash by which the header of the next block names a commit: the votes that its proposer put into it."""
    return merkle_root([_slot(one) for one in commit.signatures])


def _slot(one: CommitSignature) -> bytes:
    address, signature = blob(2, one.validator_address), blob(4, one.signature)
    return integer(1, one.block_id_flag) + address + message(3, encoded_time(one.timestamp)) + signature


def vote_sign_bytes(chain: str, commit: Commit, timestamp: Timestamp) -> bytes:
    """Return what a validator signed when it voted, at its own `timestamp`, for the block of this commit."""
    return delimited(
        integer(1, _PRECOMMIT)
        + fixed64(2, commit.height)
        + fixed64(3, commit.round)
        + message(4, encoded_block_id(commit.block_id))
        + message(5, encoded_time(timestamp))
        + blob(6, chain.encode())
    )


def encoded_block_id(block: BlockId) -> bytes:
    """Return the encoding of a block id (proto/tendermint/types/types.proto, BlockID)."""
    return blob(1, block.hash) + message(2, integer(1, block.parts.total) + blob(2, block.parts.hash))


def encoded_time(moment: Timestamp) -> bytes:
    """Return the encoding of a point in time (google/protobuf/timestamp.proto)."""
    return integer(1, moment.seconds) + integer(2, moment.nanos)

"""Shapes of the CometBFT v0.38 RPC answers that the driver reads; signed headers are in light_block. Pure.

The answering node may lie: every field is bounded, and what must fit together is checked here. Fields that are not
read are ignored, so that a newer release may add some. Sources: rpc/core/types/responses.go at tag v0.38.21.
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from nodeops.ledger.answers import LedgerStatus, Peer, Validator
from nodeops.ledger.cometbft.blocks import (
    Address,
    Answer,
    AppHash,
    Blob,
    HashBlob,
    Height,
    Int64,
    OptionalHash,
    Time,
    Timestamp,
    UInt32,
)

# types/params.go and types/validator_set.go (MaxVotesCount): no set is larger.
MAX_VALIDATORS = 10_000
_MAX_PEERS = 1_000
# rpc/core/blocks.go: `blockchain` answers no more blocks at once.
METAS_LIMIT = 20
# consensus/types/round_state.go: RoundStepNewHeight, for timeout_commit after each block.
_WAITS = 1
_ADDRESS_BYTES = 20
_HASH_BYTES = 32

NodeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=255)]
ValidatorAddress = Annotated[Address, Field(min_length=_ADDRESS_BYTES)]


def hexadecimal(data: bytes) -> str:
    """Return bytes as CometBFT writes hashes and addresses: upper-case hex."""
    return data.hex().upper()


def validator_address(public_key: bytes) -> str:
    """Return the address of an ed25519 key: the first 20 bytes of its SHA-256 (crypto/ed25519/ed25519.go)."""
    return hexadecimal(hashlib.sha256(public_key).digest()[:_ADDRESS_BYTES])


def moment(stamp: Timestamp) -> datetime:
    """Return a block's time, cut to microseconds."""
    return datetime.fromtimestamp(stamp.seconds, UTC).replace(microsecond=stamp.nanos // 1000)


class PublicKey(Answer):
    """A validator key; consortium chains use ed25519 only."""

    type: Literal["tendermint/PubKeyEd25519"]
    value: HashBlob


class _Keyed(Answer):
    address: ValidatorAddress
    pub_key: PublicKey
    voting_power: Int64

    @model_validator(mode="after")
    def _address_is_of_key(self) -> Self:
        if hexadecimal(self.address) != validator_address(self.pub_key.value):
            raise ValueError("the validator address is not that of the public key")
        return self

    def as_validator(self) -> Validator:
        """Return the validator in the words of all families."""
        return Validator(hexadecimal(self.address), self.pub_key.value, self.voting_power)


class NodeInfo(Answer):
    """Who a node says it is."""

    id: NodeId
    network: Text
    version: Text
    moniker: Text


class SyncInfo(Answer):
    """The stored blocks."""

    latest_block_hash: OptionalHash
    latest_app_hash: AppHash
    latest_block_height: Int64
    latest_block_time: Time
    earliest_block_height: Int64
    catching_up: bool

    @model_validator(mode="after")
    def _blocks_fit(self) -> Self:
        if self.earliest_block_height > self.latest_block_height > 0:
            raise ValueError("the earliest block is above the latest")
        if len(self.latest_block_hash) != (_HASH_BYTES if self.latest_block_height else 0):
            raise ValueError("latest_block_hash is not a hash of 32 bytes for a block, or one for no block")
        return self


class StatusAnswer(Answer):
    """`status`."""

    node_info: NodeInfo
    sync_info: SyncInfo
    validator_info: _Keyed

    def as_status(self) -> LedgerStatus:
        """Return the status in the words of all families."""
        sync, empty = self.sync_info, self.sync_info.latest_block_height == 0
        return LedgerStatus(
            node_id=self.node_info.id,
            chain=self.node_info.network,
            version=self.node_info.version,
            height=sync.latest_block_height,
            block_hash=hexadecimal(sync.latest_block_hash),
            app_hash=hexadecimal(sync.latest_app_hash),
            block_time=None if empty else moment(sync.latest_block_time),
            earliest_height=sync.earliest_block_height,
            catching_up=sync.catching_up,
            validator_address=hexadecimal(self.validator_info.address),
            voting_power=self.validator_info.voting_power,
        )


class _Peer(Answer):
    node_info: NodeInfo
    is_outbound: bool
    remote_ip: Annotated[str, Field(max_length=64)]

    def as_peer(self) -> Peer:
        """Return the peer in the words of all families."""
        info = self.node_info
        return Peer(info.id, self.remote_ip, self.is_outbound, info.moniker, info.version)


class NetInfoAnswer(Answer):
    """`net_info`."""

    peers: Annotated[list[_Peer], Field(max_length=_MAX_PEERS)]


class _RoundState(Answer):
    height: Int64


class _PeerState(Answer):
    round_state: _RoundState


class _PeerConsensus(Answer):
    node_address: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}@.{1,300}$")]
    peer_state: _PeerState


class ConsensusAnswer(Answer):
    """`dump_consensus_state`: only the heights that peers say they work on."""

    peers: Annotated[list[_PeerConsensus], Field(max_length=_MAX_PEERS)]

    def heights(self) -> dict[str, int]:
        """Return each peer's newest committed height: one below the height it works on. Silent peers are left out."""
        states = {peer.node_address[:40]: peer.peer_state.round_state.height for peer in self.peers}
        return {node_id: height - 1 for node_id, height in states.items() if height > 0}


class _OwnRound(Answer):
    at: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}/[0-9]{1,9}/[1-8]$"), Field(alias="height/round/step")]


class OwnConsensusAnswer(Answer):
    """`consensus_state`: only where the node itself is."""

    round_state: _OwnRound

    def open_height(self) -> int:
        """Return the first height whose block is not being made: in its first step a node only waits (RoundStepNewHeight)."""
        height, _, step = map(int, self.round_state.at.split("/"))
        return height if step == _WAITS else height + 1


class ValidatorsPage(Answer):
    """One page of `validators`."""

    block_height: Int64
    validators: Annotated[list[_Keyed], Field(max_length=100)]
    total: Annotated[Int64, Field(ge=1, le=MAX_VALIDATORS)]


class _Header(Answer):
    height: Height


class _BlockMeta(Answer):
    header: _Header
    num_txs: Annotated[Int64, Field(ge=0)]


class BlockMetas(Answer):
    """`blockchain`: of each block only how many transactions it holds."""

    block_metas: Annotated[list[_BlockMeta], Field(max_length=METAS_LIMIT)]


class _RawMeta(Answer):
    header: dict[str, Any]


class HeadersAnswer(Answer):
    """`blockchain`: of each block only its header, as it was sent."""

    block_metas: Annotated[list[_RawMeta], Field(max_length=METAS_LIMIT)]


class BroadcastAnswer(Answer):
    """`broadcast_tx_sync`: the verdict of CheckTx."""

    code: UInt32
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{64}$")]
    log: str = ""


class Placed(Answer):
    """Where one transaction of `tx_search` stands, as the node says."""

    height: Height


class SearchPage(Answer):
    """One page of `tx_search`; the transactions stay raw."""

    txs: Annotated[list[dict[str, Any]], Field(max_length=100)]
    total_count: Annotated[Int64, Field(ge=0)]


class _QueryResponse(Answer):
    code: UInt32
    log: str = ""
    value: Blob


class QueryAnswer(Answer):
    """`abci_query`."""

    response: _QueryResponse

"""Observe this host's node: a handful of RPC calls at once, and a look at the host itself."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from nodeops import __version__
from nodeops.core.errors import NodeopsError
from nodeops.core.printable import printable
from nodeops.document.models import NodeDocument
from nodeops.ledger.answers import BlockCommit, LedgerStatus, Peer, ValidatorSet, signing
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.local import disk_use, file_digest, running_release
from nodeops.ledger.node.status import (
    SIGNED_WINDOW,
    NodeStatus,
    RecentBlock,
    SignedShare,
    SignerShare,
    ValidatorPower,
    half_claim,
)

T = TypeVar("T")


def observe_status(document: NodeDocument, driver: Driver | None = None) -> NodeStatus:
    """Return the status of this host's node. A ledger that does not answer is a status too: running=False, with error."""
    bare = _without_ledger(document)
    asked = driver or driver_for(document)
    try:
        ledger = asked.status()
    except NodeopsError as error:
        return bare.model_copy(update={"error": _line(error)})
    return _with_ledger(bare, document, ledger, _ask(asked, ledger))


def _without_ledger(document: NodeDocument) -> NodeStatus:
    paths = document.ledger.paths
    return NodeStatus(
        node=document.node.name,
        organisation=document.node.organisation,
        duty=document.node.duty,
        agent=__version__,
        running=False,
        chain=document.ledger.chain,
        disk=disk_use((paths["data"], paths["log_directory"], "/")),
        revision=document.revision,
        document_digest=document.consortium_digest,
        genesis_digest=file_digest(paths["genesis"]),
        clock=time.time(),
    )


@dataclass(frozen=True)
class _Answers:
    """The answers of one round of questions, and the errors of those that failed."""

    peers: list[Peer]
    heights: dict[str, int]
    validators: ValidatorSet
    commits: list[BlockCommit]
    errors: Sequence[NodeopsError]


def _ask(driver: Driver, ledger: LedgerStatus) -> _Answers:
    errors: list[NodeopsError] = []

    def answered(future: "Future[T]", default: T) -> T:
        try:
            return future.result()
        except NodeopsError as error:
            errors.append(error)
            return default

    with ThreadPoolExecutor(4) as pool:
        peers, heights = pool.submit(driver.peers), pool.submit(driver.peer_heights)
        validators, commits = pool.submit(driver.validators), pool.submit(settled_commits, driver, ledger)
        return _Answers(
            peers=answered(peers, []),
            heights=answered(heights, {}),
            validators=answered(validators, ValidatorSet(0, ())),
            commits=answered(commits, []),
            errors=errors,
        )


def settled_commits(driver: Driver, ledger: LedgerStatus) -> list[BlockCommit]:
    """Return the newest SIGNED_WINDOW commits but the last: the block after it settles which votes the chain records."""
    last = ledger.height - 1
    return driver.commits(max(ledger.earliest_height, last - SIGNED_WINDOW + 1, 1), last)


def _with_ledger(bare: NodeStatus, document: NodeDocument, ledger: LedgerStatus, answers: _Answers) -> NodeStatus:
    shares = signer_shares(answers.commits, answers.validators)
    own = shares.get(ledger.validator_address, SignerShare())
    binary = Path(document.ledger.paths["binary"])
    return NodeStatus.model_validate(
        {
            **vars(bare),
            "running": True,
            "error": _line(answers.errors[0]) if answers.errors else None,
            "version": ledger.version,
            "release": running_release(document.ledger.paths["binaries"], binary.name),
            "node_id": ledger.node_id,
            "validator_address": ledger.validator_address,
            "voting_power": ledger.voting_power,
            "height": ledger.height,
            "earliest_height": ledger.earliest_height,
            "block_time": ledger.block_time,
            "block_age_seconds": _age(ledger.block_time, bare.clock),
            "lag_blocks": _lag(ledger.height, answers.heights),
            "catching_up": ledger.catching_up,
            "peers": sorted(peer_names(answers.peers, document).values()),
            "signed_recent": SignedShare(signed=own.signed, of=len(answers.commits)),
            "signers": shares,
            "validators": [ValidatorPower(address=v.address, power=v.power) for v in answers.validators.validators],
            "recent": _recent(ledger, answers.commits),
        }
    )


def _line(error: NodeopsError) -> str:
    return printable(f"{error.where}: {error.what}" if error.where else error.what)


def _age(block_time: datetime | None, now: float) -> float | None:
    return None if block_time is None else round(now - block_time.timestamp(), 3)


def _lag(height: int, claims: dict[str, int]) -> int | None:
    claimed = half_claim(claims.values())
    return None if claimed is None else max(0, claimed - height)


def _recent(ledger: LedgerStatus, commits: Sequence[BlockCommit]) -> list[RecentBlock]:
    blocks = [RecentBlock(height=one.height, hash=one.hash, app_hash=one.app_hash, time=one.time) for one in commits]
    if ledger.block_time is not None:
        newest = RecentBlock(height=ledger.height, hash=ledger.block_hash, app_hash=ledger.app_hash, time=ledger.block_time)
        blocks = [newest, *blocks]
    return blocks[:SIGNED_WINDOW]


def signer_shares(commits: Sequence[BlockCommit], validators: ValidatorSet) -> dict[str, SignerShare]:
    """Return who signed the given commits, by address: every validator of the set, and every other signer."""
    shares = signing(commits, [validator.address for validator in validators.validators])
    return {address: SignerShare(**vars(share)) for address, share in shares.items()}


def peer_names(peers: Sequence[Peer], document: NodeDocument) -> dict[str, str]:
    """Return who the peers are, by node id: the member at a peer's IP address, else the node id itself.

    Where two peers come from one address, only the one that was dialled there is sure to be that member.
    """
    by_address = {member.address: member.name for member in document.members if member != document.node}
    names: dict[str, str] = {}
    for peer in sorted(peers, key=lambda peer: not peer.outbound):
        name = by_address.get(peer.address)
        names[peer.node_id] = peer.node_id if name is None or name in names.values() else name
    return names

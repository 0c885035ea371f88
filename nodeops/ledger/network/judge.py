"""Judge a whole network by the statuses of its nodes: who does what, whether the chain runs, how much may still be lost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from nodeops.core.finding import Finding
from nodeops.document.models import Consortium
from nodeops.ledger.network.findings import network_findings
from nodeops.ledger.network.view import Evidence
from nodeops.ledger.node.status import NodeStatus


class NodeState(StrEnum):
    """What one node does."""

    RUNNING = "running"
    HALTED = "halted"
    DEAD = "dead"
    CATCHING_UP = "catching up"
    NOT_SIGNING = "not signing"
    NOT_ASKED = "not asked"


class ChainState(StrEnum):
    """Whether blocks are committed."""

    RUNNING = "running"
    HALTED = "halted"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class NodeRow:
    """One node for a table. `power` is that in the live set, else in the file; `signed` such as "20/20" or empty."""

    name: str
    organisation: str
    duty: str
    state: NodeState
    power: int
    height: int | None
    lag_blocks: int | None
    peers: int | None
    signed: str
    version: str
    note: str


@dataclass(frozen=True)
class NetworkView:
    """The network at a glance. Powers are voting power; `margin` is the live power that may be lost, negative if short."""

    rows: Sequence[NodeRow]
    chain: ChainState
    summary: str
    height: int | None
    live_power: int
    total_power: int
    needed_power: int
    margin: int
    findings: Sequence[Finding]

    def as_dict(self) -> dict[str, Any]:
        """Return the view as JSON data. The findings are left out: a Result shows them itself."""
        data = asdict(self)
        del data["findings"]
        return data


def judge(
    consortium: Consortium, statuses: Mapping[str, NodeStatus | None], published: Mapping[str, str] | None = None
) -> NetworkView:
    """Return the view of the network that the statuses add up to.

    A node whose status is None was asked and did not answer: it is dead. A node that is missing was not asked, such as
    another organisation's. `published` gives validator addresses by node name from the members' identities files, so
    that nodes that do not answer can be told apart in the validator set.
    """
    evidence = Evidence(consortium, statuses, published or {})
    chain = _chain(evidence)
    summary = _summary(evidence, chain)
    return NetworkView(
        rows=[_row(name, evidence) for name in sorted(consortium.nodes)],
        chain=chain,
        summary=summary,
        height=evidence.height,
        live_power=evidence.live_power,
        total_power=evidence.total_power,
        needed_power=evidence.needed_power,
        margin=evidence.spare_power,
        findings=network_findings(evidence, summary),
    )


def _chain(evidence: Evidence) -> ChainState:
    if evidence.reference is None:
        return ChainState.UNKNOWN
    return ChainState.RUNNING if evidence.moving else ChainState.HALTED


def _summary(evidence: Evidence, chain: ChainState) -> str:
    power, spare = (
        f"{evidence.live_power} of {evidence.total_power} power live, {evidence.needed_power} needed",
        evidence.spare_power,
    )
    if chain is ChainState.UNKNOWN:
        return f"UNKNOWN: no node answers; {evidence.needed_power} of {evidence.total_power} power needed"
    if chain is ChainState.HALTED:
        return f"HALTED: {power}" + ("" if spare < 0 else ": enough are up, so they cannot agree or have just started")
    if spare < 0:
        return f"running so far, but only {power}: it halts unless validators come back"
    return f"running, margin {spare}{': one more loss halts it' if evidence.one_loss_halts else ''} ({power})"


def _row(name: str, evidence: Evidence) -> NodeRow:
    node, status = evidence.consortium.nodes[name], evidence.asked.get(name)
    state, note = _state(name, evidence)
    share = status.signed_recent if status and status.running and status.voting_power else None
    return NodeRow(
        name=name,
        organisation=node.organisation,
        duty=node.duty,
        state=state,
        power=evidence.set_powers.get(evidence.addresses.get(name, ""), node.voting_power),
        height=status.height if status else None,
        lag_blocks=status.lag_blocks if status else None,
        peers=len(status.peers) if status and status.running else None,
        signed=f"{share.signed}/{share.of}" if share else "",
        version=(status.release or status.version or "") if status else "",
        note=note,
    )


def _state(name: str, evidence: Evidence) -> tuple[NodeState, str]:
    if name not in evidence.asked:
        return NodeState.NOT_ASKED, _heard_of(name, evidence)
    status = evidence.asked[name]
    if status is None or name not in evidence.running:
        return NodeState.DEAD, (status.error or "the ledger does not answer") if status else "the host does not answer"
    if status.catching_up:
        return NodeState.CATCHING_UP, "" if status.lag_blocks is None else f"{status.lag_blocks} blocks behind"
    if not evidence.is_fresh(status):
        return NodeState.HALTED, _standstill(status)
    if name in evidence.file_powers and evidence.addresses.get(name) not in evidence.signing:
        in_set = evidence.addresses.get(name) in evidence.set_powers
        return NodeState.NOT_SIGNING, "" if in_set else "not in the validator set"
    return NodeState.RUNNING, status.error or ""


def _standstill(status: NodeStatus) -> str:
    if status.block_age_seconds is None:
        return "no block yet"
    return f"newest block {status.block_age_seconds:.0f} s old" + (f", {status.lag_blocks} behind" if status.lag_blocks else "")


def _heard_of(name: str, evidence: Evidence) -> str:
    address = evidence.addresses.get(name)
    if evidence.moving and address in evidence.set_powers:
        return "signing" if address in evidence.signing else "not signing"
    return "connected" if any(name in status.peers for status in evidence.running.values()) else ""

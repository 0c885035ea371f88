"""A node's status for people: one compact table of keys and values. Pure."""

from collections.abc import Iterator

from nodeops.core.result import Table
from nodeops.ledger.node.status import DiskUse, NodeStatus

_GIB = 1 << 30
_NONE = "-"
_NODE_ID_LETTERS = 40


def status_table(status: NodeStatus) -> Table:
    """Return the table of `nodeops status`."""
    ledger = _ledger_rows(status) if status.running else iter([("ledger", f"not running: {status.error or 'no answer'}")])
    return Table(("node", status.node), [*_node_rows(status), *ledger, *_host_rows(status)])


def _node_rows(status: NodeStatus) -> Iterator[tuple[str, str]]:
    yield "organisation", status.organisation
    yield "duty", status.duty
    yield "chain", status.chain or _NONE


def _ledger_rows(status: NodeStatus) -> Iterator[tuple[str, str]]:
    yield "height", f"{status.height}{_age(status)}{_lag(status)}"
    yield "signing", _signing(status)
    yield "validators", f"{len(status.validators)}, power {sum(one.power for one in status.validators)}"
    yield "peers", f"{len(status.peers)}: {', '.join(map(_short, status.peers))}" if status.peers else "none"
    yield "ledger", f"{status.release or 'release unknown'} (calls itself {status.version})"
    yield "node id", status.node_id or _NONE
    yield "validator", status.validator_address or _NONE


def _short(peer: str) -> str:
    return f"{peer[:10]}…" if len(peer) == _NODE_ID_LETTERS else peer


def _age(status: NodeStatus) -> str:
    return "" if status.block_age_seconds is None else f", {status.block_age_seconds:.1f} s ago"


def _lag(status: NodeStatus) -> str:
    if status.catching_up:
        return ", catching up" + (f", {status.lag_blocks} behind" if status.lag_blocks is not None else "")
    return f", {status.lag_blocks} behind" if status.lag_blocks else ""


def _signing(status: NodeStatus) -> str:
    if not status.voting_power:
        return "no voting power"
    share = status.signed_recent
    return f"{share.signed} of the last {share.of} commits, power {status.voting_power}"


def _host_rows(status: NodeStatus) -> Iterator[tuple[str, str]]:
    for use in status.disk:
        yield f"disk {use.path}", _disk(use)
    yield from sorted(status.guards.items())
    yield "document", f"revision {status.revision}, {status.document_digest[:16]}"
    yield "genesis", (status.genesis_digest or _NONE)[:16]
    yield "agent", status.agent


def _disk(use: DiskUse) -> str:
    return f"{use.filesystem_used_percent:.1f} % used, {use.free_bytes / _GIB:.1f} GiB free"

"""Consortia, node documents and statuses made for tests of status and network."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nodeops.document.models import Consortium, NodeDocument
from nodeops.document.resolve import consortium_digest, resolve
from nodeops.ledger.node.status import NodeStatus
from tests.unit.ledger.rpc_server import recorded

CHAIN: str = recorded("status")["node_info"]["network"]
OWN: str = recorded("status")["validator_info"]["address"]
COMMITS: dict[str, Any] = {one["signed_header"]["header"]["height"]: one for one in recorded("commit")}
NEWEST = max(map(int, COMMITS))
START = datetime(2026, 1, 1, tzinfo=UTC)
HEIGHT = 100


def consortium(**powers: int) -> Consortium:
    """Return a consortium with one node for each power, 0 for a witness; four validators when none is given."""
    given = powers or {"a": 1, "b": 1, "c": 1, "d": 1}
    nodes = {
        name: {"organisation": "org", "duty": "validator", "power": power, "address": f"10.0.0.{number}"}
        if power
        else {"organisation": "org", "duty": "witness", "address": f"10.0.0.{number}"}
        for number, (name, power) in enumerate(given.items(), start=1)
    }
    return Consortium.model_validate(
        {
            "consortium": "test",
            "revision": 1,
            "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": CHAIN, "block_seconds": 1.0},
            "organisations": {"org": {}},
            "nodes": nodes,
        }
    )


def document(folder: Path, rpc_port: int, node: str = "a", bind: str = "127.0.0.1") -> NodeDocument:
    """Return the document of a node whose RPC listens on a port and whose files are below a folder."""
    resolved = resolve(consortium(), node, {})
    ledger = resolved.ledger
    port = ledger.ports["rpc"].model_copy(update={"port": rpc_port, "bind": bind})
    paths = {
        **ledger.paths,
        "data": str(folder),
        "log_directory": str(folder / "absent"),
        "genesis": str(folder / "genesis.json"),
    }
    update = {"ports": {**ledger.ports, "rpc": port}, "paths": paths}
    return resolved.model_copy(update={"ledger": ledger.model_copy(update=update)})


def real() -> dict[str, Any]:
    """Return the recorded answers of one node of a real network of four, by method."""
    names = ("status", "net_info", "validators", "dump_consensus_state", "abci_query", "broadcast_tx_sync", "tx", "tx_search")
    return {**{name: recorded(name) for name in names}, "commit": lambda params: COMMITS[params["height"]]}


def settled() -> dict[str, Any]:
    """Return the recorded status as of a node that holds only the recorded blocks and one above them."""
    raw: dict[str, Any] = recorded("status")
    raw["sync_info"] |= {"latest_block_height": str(NEWEST + 1), "earliest_block_height": str(NEWEST - 2)}
    return raw


def address(name: str) -> str:
    return name.encode().hex().upper().rjust(40, "A")


def block(height: int, fork: str = "") -> dict[str, Any]:
    text = f"{height:060d}{fork}".encode().hex().upper()
    return {"height": height, "hash": text, "app_hash": text[-16:], "time": START + timedelta(seconds=height % 1_000_000)}


def status(members: Consortium, name: str, silent: Mapping[str, int] | None = None, **changes: Any) -> NodeStatus:
    """Return the status of a healthy node at HEIGHT; `silent` gives the last height signed by those who stopped."""
    powers = {each: node.voting_power for each, node in members.nodes.items() if node.voting_power}
    lasts = {each: (silent or {}).get(each, HEIGHT - 1) for each in powers}
    values = {
        "node": name,
        "organisation": "org",
        "duty": members.nodes[name].duty if name in members.nodes else "validator",
        "agent": "0.1.0",
        "running": True,
        "version": "0.38.19",
        "release": "v0.38.21",
        "chain": CHAIN,
        "node_id": address(name).lower(),
        "validator_address": address(name),
        "voting_power": powers.get(name, 0),
        "height": HEIGHT,
        "block_age_seconds": 1.5,
        "lag_blocks": 0,
        "catching_up": False,
        "peers": sorted(set(members.nodes) - {name}),
        "signed_recent": {"signed": 20, "of": 20},
        "signers": {address(each): _share(last) for each, last in lasts.items()},
        "validators": [{"address": address(each), "power": power} for each, power in powers.items()],
        "recent": [block(height) for height in range(HEIGHT, HEIGHT - 20, -1)],
        "revision": members.revision,
        "document_digest": consortium_digest(members),
        "genesis_digest": "0" * 64,
        "clock": 1_800_000_000.0,
    }
    return NodeStatus.model_validate({**values, **changes})


def _share(last: int) -> dict[str, int | None]:
    signed = max(0, min(20, last - (HEIGHT - 21)))
    return {"signed": signed, "of": 20, "last_height": last if signed else None}


def stopped(members: Consortium, name: str) -> NodeStatus:
    """Return the status of a node whose host answers and whose ledger does not."""
    known = {"node", "organisation", "duty", "agent", "chain", "revision", "document_digest", "genesis_digest", "clock"}
    kept = status(members, name).model_dump(include=known)
    return NodeStatus.model_validate({**kept, "running": False, "error": "does not answer: connection refused"})


def statuses(members: Consortium, names: Sequence[str] | None = None, **changes: Any) -> dict[str, NodeStatus | None]:
    """Return the statuses of nodes that are all alike."""
    return {name: status(members, name, **changes) for name in (names or members.nodes)}

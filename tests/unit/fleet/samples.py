"""A consortium of three organisations and what its nodes would answer."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from nodeops.document.models import Consortium
from nodeops.document.resolve import consortium_digest
from nodeops.fleet.reply import Reply, State

NODES = {"cu-1": "china-unicom", "cu-2": "china-unicom", "wx-1": "wanxiang-blockchain", "wi-1": "wanxiang-institute"}
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def consortium() -> Consortium:
    nodes = {
        name: {"organisation": organisation, "duty": "validator", "power": 1, "address": f"192.0.2.{number}", "site": "shanghai"}
        for number, (name, organisation) in enumerate(NODES.items(), 1)
    }
    return Consortium.model_validate(
        {
            "consortium": "battery-ledger",
            "revision": 1,
            "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "battery-1"},
            "organisations": {name: {} for name in dict.fromkeys(NODES.values())},
            "nodes": nodes,
        }
    )


def address(node: str) -> str:
    return hashlib.sha1(node.encode()).hexdigest().upper()


def status(node: str, **changes: Any) -> dict[str, Any]:
    """What `nodeops status --json` prints on a node of a healthy network."""
    everyone = {address(name): {"signed": 20, "of": 20, "last_height": 99} for name in NODES}
    recent = [{"height": 100, "hash": "AB", "app_hash": "CD", "time": NOW.isoformat()}]
    return {
        "node": node,
        "organisation": NODES[node],
        "duty": "validator",
        "agent": "0.1.0",
        "running": True,
        "guards": {"firewall": "on", "hardening": "98.5 %", "disk": "normal", "backup": "drilled"},
        "version": "0.38.21",
        "release": "v0.38.21",
        "chain": "battery-1",
        "node_id": address(node).lower(),
        "validator_address": address(node),
        "voting_power": 1,
        "height": 100,
        "block_time": (NOW - timedelta(seconds=1)).isoformat(),
        "block_age_seconds": 1.0,
        "lag_blocks": 0,
        "catching_up": False,
        "peers": [name for name in NODES if name != node],
        "signed_recent": {"signed": 20, "of": 20},
        "signers": everyone,
        "validators": [{"address": each, "power": 1} for each in everyone],
        "recent": recent,
        "disk": [
            {"path": "/", "filesystem_used_percent": 41.6, "free_bytes": 10**9},
            {"path": "/var/lib/ledger/data", "filesystem_used_percent": 12.0, "free_bytes": 10**9},
        ],
        "revision": 1,
        "document_digest": consortium_digest(consortium()),
        "genesis_digest": "a" * 64,
        "clock": NOW.timestamp(),
        "changed": False,
        "changes": [],
        "findings": [],
        **changes,
    }


def reply(node: str, **changes: Any) -> Reply:
    """A host that answered `nodeops status --json`."""
    return Reply(node, State.ANSWERED, 0, json.dumps(status(node, **changes)), seconds=0.2)


def dead(node: str) -> Reply:
    return Reply(node, State.DEAD, error="no answer within 5 s", hint="check that the host runs")

"""What the guard saw and did last, as one small JSON file in memory: every other verb reads it, none asks the guard. Lean."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nodeops.disk.guard.observe import Place, Seen
from nodeops.disk.guard.requests import plan_data
from nodeops.disk.guard.sealer import LogKeeper
from nodeops.disk.policy.policy import Policy
from nodeops.host.files import write_atomic
from nodeops.logstore.intents import lost


def publish(policy: Policy, seen: Seen, keeper: LogKeeper, alarms: Sequence[str], done: Sequence[str]) -> None:
    """Write the status. Raise HostError when that is not possible."""
    record = keeper.journal.record
    said: dict[str, Any] = {
        "at": time.time(),
        "uptime": seen.now,
        "node": policy.node,
        "filesystems": [_place(one) for one in seen.places],
        "log": {
            "live_bytes": keeper.live_bytes,
            "sealed_bytes": keeper.index.total_bytes(),
            "segments": len(keeper.index.all()),
            "stream_end": record.base + keeper.live_bytes,
            "gaps": record.gaps_total,
            "lost": lost(record.gaps[-1]) if record.gaps else "",
            "method": keeper.method.kind,
            "reason": keeper.method.reason,
            "rebuilding": keeper.index.rebuilding,
        },
        "plan": plan_data(seen.plan),
        "node_stopped": seen.node_stopped,
        "alarms": list(alarms),
        "done": list(done),
    }
    write_atomic(Path(policy.status_file), json.dumps(said, sort_keys=True).encode(), 0o644)


def _place(one: Place) -> dict[str, Any]:
    filesystem = one.filesystem
    return {
        "mount": filesystem.mount,
        "kind": filesystem.kind,
        "total": filesystem.total,
        "free": filesystem.free,
        "used_percent": round(filesystem.used_percent, 2),
        "inodes_used_percent": round(filesystem.inodes_used_percent, 2),
        "uses": list(one.uses),
        "stage": one.stage.name.lower(),
        "classes": dict(one.classes),
        "forecast": {"text": one.forecast_text, "seconds": one.forecast_seconds},
    }

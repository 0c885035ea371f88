"""What the guard saw and did last, as one small JSON file in memory: every other verb reads it, none asks the guard. Lean."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.disk.keeper import LogKeeper
from nodeops.disk.policy import Policy
from nodeops.disk.requests import plan_data
from nodeops.disk.watch import Place, Seen
from nodeops.host.files import write_atomic

# A tick takes a second; one that seals a flood says nothing for as long as that takes, and the watchdog waits a minute.
STALE_SECONDS = 60.0


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


def read_status(path: Path) -> dict[str, Any] | None:
    """Return what the guard wrote last; None when it never ran since the boot. Raise HostError when it cannot be read."""
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise HostError(f"cannot be read: {error}", where=str(path)) from error
    return said


def age_seconds(said: dict[str, Any]) -> float:
    """Return how old a status is, by the clock that nobody sets."""
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - float(said["uptime"]))

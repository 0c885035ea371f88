"""The disks in a word, for `nodeops status` and the table of the fleet."""

import json
import time
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.disk.model import Stage
from nodeops.document.models import NodeDocument

# A tick takes a second; one that seals a flood says nothing for as long as that takes, and the watchdog waits a minute.
STALE_SECONDS = 60.0


def disk_state(document: NodeDocument) -> str:
    """Return the highest stage of any filesystem, "node stopped", or "no guard". Raise HostError for a status that is damaged."""
    said = read_status(Path(document.paths["disk_status"]))
    if said is None or age_seconds(said) > STALE_SECONDS:
        return "no guard"
    if said["node_stopped"]:
        return "node stopped"
    return max((Stage[one["stage"].upper()] for one in said["filesystems"]), default=Stage.NORMAL).name.lower()


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

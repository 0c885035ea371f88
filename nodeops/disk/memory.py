"""What the forecasters learned, kept over a restart: without it a new guard knows no habits for two days. Lean."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodeops.disk.forecast import Forecaster, restored
from nodeops.host.files import write_atomic


def load(path: Path) -> dict[str, Any]:
    """Return what `save` wrote, by mount point; nothing when there is none or it is damaged: habits are learned anew."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def save(path: Path, forecasters: Mapping[str, Forecaster]) -> None:
    """Write what forecasters know, by mount point. Raise HostError when there is no room for it."""
    known = {mount: one.as_dict() for mount, one in forecasters.items()}
    write_atomic(path, json.dumps(known, separators=(",", ":")).encode(), 0o600)


def forecaster(remembered: Mapping[str, Any], mount: str) -> Forecaster:
    """Return a forecaster that goes on from what was remembered of a filesystem."""
    return restored(remembered.get(mount))

"""What the disk guard said last, as metrics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.disk.model import Stage
from nodeops.disk.state import STALE_SECONDS, age_seconds, read_status
from nodeops.document.models import NodeDocument
from nodeops.metrics.collector import Collector, Sample


def look(document: NodeDocument) -> Iterator[Sample]:
    """Yield the guard's view of the disks. Raise HostError when the guard said nothing lately: old figures would look fine."""
    path = Path(document.paths["disk_status"])
    said = read_status(path)
    if said is None or age_seconds(said) > STALE_SECONDS:
        raise HostError("the disk guard is not at work", where=str(path))
    for one in said["filesystems"]:
        yield from _filesystem(one)
    yield Sample("disk_log_bytes", said["log"]["live_bytes"], {"part": "live"})
    yield Sample("disk_log_bytes", said["log"]["sealed_bytes"], {"part": "sealed"})
    yield Sample("disk_alarms", len(said["alarms"]))
    yield Sample("disk_node_stopped", float(said["node_stopped"]))


def _filesystem(one: dict[str, Any]) -> Iterator[Sample]:
    place = {"mountpoint": one["mount"]}
    yield Sample("disk_total_bytes", one["total"], place)
    yield Sample("disk_available_bytes", one["free"], place)
    yield Sample("disk_used_ratio", one["used_percent"] / 100, place)
    yield Sample("disk_inodes_used_ratio", one["inodes_used_percent"] / 100, place)
    yield Sample("disk_stage", Stage[one["stage"].upper()], place)
    if one["forecast"]["seconds"] is not None:
        yield Sample("disk_time_to_full_seconds", one["forecast"]["seconds"], place)


COLLECTOR = Collector("disk", look, interval_seconds=10, deadline_seconds=5)

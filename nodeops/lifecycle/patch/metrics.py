"""Pending updates as metrics, from what was last seen: looking itself needs root, and takes seconds."""

from collections.abc import Iterator

from nodeops.document.models import HostDocument
from nodeops.lifecycle.patch.memory import last_seen
from nodeops.metrics.collector import Collector, Sample


def look(document: HostDocument) -> Iterator[Sample]:
    """Yield what was last seen; nothing before the first look since the boot. Raise HostError when that is damaged."""
    said = last_seen(document)
    if said is None:
        return
    for name, count in said["pending"].items():
        yield Sample("patch_pending_packages", count, {"class": name})
    if said["oldest_security_at"] is not None:
        yield Sample("patch_oldest_security_timestamp_seconds", said["oldest_security_at"])
    if said["lists_at"] is not None:
        yield Sample("patch_lists_timestamp_seconds", said["lists_at"])
    yield Sample("patch_stale_services", len(said["stale"]))
    yield Sample("patch_reboot_required", float(bool(said["reboot"])))


COLLECTOR = Collector("patch", look, interval_seconds=60, deadline_seconds=5)

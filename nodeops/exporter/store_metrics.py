"""How much room is left where a host that runs no ledger keeps things of others: logs, backups, samples. As metrics."""

import os
from collections.abc import Iterator
from pathlib import Path

from nodeops.document.models import PlainDocument
from nodeops.metrics.collector import Collector, Sample


def stores_of(document: PlainDocument) -> dict[str, Path]:
    """Return the folders of what a host keeps, by what is kept there."""
    own = {"monitor": {"samples": "monitoring_data"}, "repository": {"backups": "repository_data"}}[document.kind]
    kept = {**own, **({"logs": "log_host_data"} if document.takes_logs else {})}
    return {store: Path(document.paths[name]) for store, name in kept.items()}


def look(document: PlainDocument) -> Iterator[Sample]:
    """Yield size and free bytes of the filesystem behind each folder; nothing of one that nobody has made yet."""
    for store, folder in stores_of(document).items():
        try:
            found = os.statvfs(folder)
        except FileNotFoundError:
            continue
        yield Sample("store_size_bytes", found.f_blocks * found.f_frsize, {"store": store})
        yield Sample("store_free_bytes", found.f_bavail * found.f_frsize, {"store": store})


COLLECTOR = Collector("stores", look, interval_seconds=15, deadline_seconds=5)

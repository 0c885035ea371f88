"""What a host remembers of its backups, as metrics."""

from collections.abc import Iterator

from nodeops.backup.state import read_drill, read_state
from nodeops.document.models import NodeDocument
from nodeops.metrics.collector import Collector, Sample


def look(document: NodeDocument) -> Iterator[Sample]:
    """Yield nothing for a host on which no backup was ever tried. Raise HostError for a memory that is damaged."""
    remembered = read_state(document)
    if remembered.tried is not None:
        yield Sample("backup_failed", float(bool(remembered.error)))
    if (last := remembered.last) is not None:
        yield Sample("backup_last_timestamp_seconds", last.time.timestamp())
        yield Sample("backup_size_bytes", float(last.bytes))
        yield Sample("backup_duration_seconds", last.seconds)
    if (drill := read_drill(document)) is not None:
        at, passed = drill
        yield Sample("backup_drill_timestamp_seconds", at)
        yield Sample("backup_drill_failed", float(not passed))


COLLECTOR = Collector("backup", look, interval_seconds=60, deadline_seconds=5)

"""When the exporter's own certificate ends, and those of the monitors it lets in, as metrics."""

from collections.abc import Iterator
from pathlib import Path

from nodeops.document.models import HostDocument
from nodeops.exporter.certificates import ends
from nodeops.metrics.collector import Collector, Sample

_FILES = {"exporter": "exporter_certificate", "monitor": "exporter_monitors"}


def look(document: HostDocument) -> Iterator[Sample]:
    """Yield the end of each certificate. Raise OSError or ValueError for a file that cannot be read."""
    for purpose, file in _FILES.items():
        for subject, end in ends(Path(document.paths[file]).read_bytes()):
            yield Sample("certificate_not_after_timestamp_seconds", end, {"purpose": purpose, "subject": subject})


COLLECTOR = Collector("certificates", look, interval_seconds=300, deadline_seconds=5)

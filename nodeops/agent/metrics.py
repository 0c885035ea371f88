"""Which agent and which consortium file a host follows, as metrics."""

from collections.abc import Iterator
from pathlib import Path

import nodeops
from nodeops.agent import install
from nodeops.document.models import HostDocument
from nodeops.metrics.collector import Collector, Sample


def running_tree() -> str:
    """Return the name of the tree that this process runs from, empty outside one."""
    folder = Path(nodeops.__file__).resolve().parents[2]
    return folder.name if (folder / install.DESCRIPTION).is_file() else ""


def look(document: HostDocument) -> Iterator[Sample]:
    """Yield the version that runs, the tree it runs from, and the document's revision and digest."""
    yield Sample("build_info", 1, {"version": nodeops.__version__, "tree": running_tree()})
    yield Sample("document_info", 1, {"revision": str(document.revision), "digest": document.consortium_digest})


COLLECTOR = Collector("agent", look, interval_seconds=60, deadline_seconds=5)

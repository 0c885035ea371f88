"""Hosts that run no ledger, in a folder: a monitor that is a log host, a repository; and what is known of logs on their way."""

from pathlib import Path

from nodeops.document.models import NodeDocument, PlainDocument
from nodeops.document.resolve import resolve_host
from nodeops.log_host import metrics, status
from nodeops.log_host.store import Bounds, Store
from nodeops.metrics.collector import Sample
from tests.unit.firewall.samples import consortium

DAY_BYTES = 4096


def plain(name: str, folder: Path, log_hosts: tuple[str, ...] = ("mon",)) -> PlainDocument:
    """Return the document of a host without a ledger whose paths are in a folder."""
    found = resolve_host(consortium(), name, {"hardening": {"log_hosts": list(log_hosts)}})
    assert isinstance(found, PlainDocument)
    names = ("log_host_data", "repository_data", "monitoring_data", "patch_status", "exporter_look", "exporter_text_files")
    paths = {one: str(folder / one) for one in (*names, "log_host_status")}
    for one in names[:2]:
        (folder / one).mkdir(exist_ok=True)
    return found.model_copy(update={"paths": {**found.paths, **paths}})


def taken(document: PlainDocument, lines: int = 10, now: float = 1_795_953_600.0, missing: tuple[str, ...] = ()) -> list[Sample]:
    """Let a log host take lines of 900 bytes of a-1 and none of a-2, and return what is exported of it."""
    folder = Path(document.paths["log_host_data"])
    store = Store(folder, Bounds(3, DAY_BYTES, 0), lambda: now)
    store.add("a-1", [b"x" * 900] * lines)
    status.write(Path(document.paths["log_host_status"]), status.seen(store, folder, ["a-1", "a-2"], list(missing)))
    return list(metrics.look(document))


def waiting(node: NodeDocument, sizes: str) -> list[Sample]:
    """Let the sizes of what waits be handed over, and return what is exported of it."""
    (Path(node.paths["exporter_look"]) / metrics.WAITING).write_text(sizes)
    return list(metrics.look(node))

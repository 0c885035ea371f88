"""Whether the units that a host is there for run, and those that guard it, as metrics; one question to systemd for all."""

from collections.abc import Iterator

from nodeops.document.models import HostDocument, NodeDocument, PlainDocument
from nodeops.host.command import run
from nodeops.metrics.collector import Collector, Sample

_FIREWALL, _DISK = "nodeops-firewall.service", "nodeops-disk.service"
_LOG_HOST, _REPOSITORY = "nodeops-log-host.service", "nodeops-repository.service"
# Made by a playbook of its own: before that it is not there, which is no ill.
_LATER = {_REPOSITORY}
_SECONDS = 5.0


def units_of(document: HostDocument) -> list[str]:
    """Return the units that are looked at on a host."""
    if isinstance(document, NodeDocument):
        return [document.ledger.unit, _DISK, _FIREWALL]
    takes_logs = isinstance(document, PlainDocument) and document.takes_logs
    return [_FIREWALL, *([_LOG_HOST] if takes_logs else []), *([_REPOSITORY] if document.kind == "repository" else [])]


def look(document: HostDocument) -> Iterator[Sample]:
    """Yield the state of each unit. Raise HostError when systemd does not answer."""
    words = ["systemctl", "show", "--property=Id,LoadState,ActiveState,NRestarts", *units_of(document)]
    said = run(words, timeout_seconds=_SECONDS).stdout.decode(errors="replace")
    for block in said.strip().split("\n\n"):
        known = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if known["Id"] in _LATER and known.get("LoadState") == "not-found":
            continue
        unit = {"unit": known["Id"]}
        yield Sample("service_active", float(known["ActiveState"] == "active"), unit)
        yield Sample("service_restarts_total", int(known.get("NRestarts") or 0), unit)


COLLECTOR = Collector("units", look, interval_seconds=15, deadline_seconds=10)

"""Whether the units that make a node run, as metrics; one question to systemd for all."""

from collections.abc import Iterator

from nodeops.document.models import NodeDocument
from nodeops.host.command import run
from nodeops.metrics.collector import Collector, Sample

_GUARDS = ("nodeops-disk.service", "nodeops-firewall.service")
_SECONDS = 5.0


def look(document: NodeDocument) -> Iterator[Sample]:
    """Yield the state of each unit. Raise HostError when systemd does not answer."""
    names = (document.ledger.unit, *_GUARDS)
    words = ["systemctl", "show", "--property=Id,ActiveState,NRestarts", *names]
    said = run(words, timeout_seconds=_SECONDS).stdout.decode(errors="replace")
    for block in said.strip().split("\n\n"):
        known = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        unit = {"unit": known["Id"]}
        yield Sample("service_active", float(known["ActiveState"] == "active"), unit)
        yield Sample("service_restarts_total", int(known.get("NRestarts") or 0), unit)


COLLECTOR = Collector("units", look, interval_seconds=15, deadline_seconds=10)

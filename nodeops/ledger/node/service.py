"""Start and restart the ledger's unit, and tell whether the running process has the configuration that is on disk.

The unit carries the digest of everything it was configured from in its environment. A process whose environment holds
another digest runs an older configuration, whatever the clocks and the times of files say.
"""

from nodeops.core.errors import HostError, Timeout
from nodeops.document.models import NodeDocument
from nodeops.host.units import service, systemd
from nodeops.host.units.service import Observed


def observe(document: NodeDocument) -> Observed:
    """Return what systemd says of the ledger. Raise HostError when the unit was never installed."""
    seen = service.observe(document.ledger.unit)
    if not seen.unit.loaded:
        hint = "run ansible-playbook site.yml from the controller"
        raise HostError("the unit is not installed", where=seen.unit.name, hint=hint)
    return seen


def require_running(document: NodeDocument, restarts: int | None = None) -> int:
    """Return how often systemd has started the ledger again by itself. Raise Timeout when its process is not there.

    With `restarts`, what this returned before: also when the process left by itself since.
    """
    unit = systemd.unit(document.ledger.unit)
    if not unit.pid or (restarts is not None and unit.restarts > restarts):
        hint = f"read the end of {document.ledger.paths['log']}"
        raise Timeout(f"the ledger does not stay up: {unit.state}", where=unit.name, hint=hint)
    return unit.restarts

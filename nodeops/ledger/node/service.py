"""Start and restart the ledger's unit, and tell whether the running process has the configuration that is on disk.

The unit carries the digest of everything it was configured from in its environment. A process whose environment holds
another digest runs an older configuration, whatever the clocks and the times of files say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nodeops.core.errors import HostError, Timeout
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host import systemd

CONFIGURATION = "NODEOPS_CONFIGURATION"


@dataclass(frozen=True)
class Observed:
    """The unit as it is, the digest its process runs with and the digest it is configured with."""

    unit: systemd.Unit
    running: str
    configured: str

    @property
    def stale(self) -> bool:
        """Tell whether the process was started from an older configuration."""
        return self.unit.active and (self.unit.needs_reload or self.running != self.configured)


def observe(document: NodeDocument) -> Observed:
    """Return what systemd says of the ledger. Raise HostError when the unit was never installed."""
    name = document.ledger.unit
    unit = systemd.unit(name)
    if not unit.loaded:
        raise HostError("the unit is not installed", where=name, hint="run ansible-playbook site.yml from the controller")
    configured = systemd.configured_environment(name).get(CONFIGURATION, "")
    return Observed(unit, unit.environment().get(CONFIGURATION, ""), configured)


def plan_start(observed: Observed) -> list[Change]:
    """Return what must be done for the ledger to run now and after a boot."""
    name = observed.unit.name
    changes = reload_first(observed)
    if not observed.unit.enabled:
        changes.append(Change(f"enable {name}", "the ledger must come back after a boot", "disabled", "enabled"))
    if not observed.unit.active:
        changes.append(Change(f"start {name}", "the ledger must run", observed.unit.state, "active (running)"))
    return changes


def plan_restart(observed: Observed, only_if_stale: bool) -> list[Change]:
    """Return the restart that is needed, if any."""
    if only_if_stale and not observed.stale:
        return []
    why = "its process runs an older configuration" if observed.stale else "asked for"
    restart = Change(f"restart {observed.unit.name}", why, observed.running[:12], observed.configured[:12])
    return [*reload_first(observed), restart]


def reload_first(observed: Observed) -> list[Change]:
    """Return the reload that systemd needs before it acts on a unit file that changed."""
    if not observed.unit.needs_reload:
        return []
    return [Change(f"daemon-reload {observed.unit.name}", "systemd still has the unit as it was before")]


def carry_out(changes: Sequence[Change]) -> None:
    """Do what a plan says, in its order."""
    for change in changes:
        action, name = change.what.split(" ", 1)
        systemd.systemctl(action, *([] if action == "daemon-reload" else [name]))


def require_running(document: NodeDocument) -> None:
    """Raise Timeout, with the unit's state, when the ledger's process is not there."""
    unit = systemd.unit(document.ledger.unit)
    if not unit.pid:
        hint = f"read the end of {document.ledger.paths['log']}"
        raise Timeout(f"the ledger does not stay up: {unit.state}", where=unit.name, hint=hint)

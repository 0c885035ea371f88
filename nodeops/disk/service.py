"""The guard's unit, and the unit that ships: make them run, and run what is configured."""

from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host import systemd
from nodeops.ledger.service import CONFIGURATION, Observed, plan_restart, plan_start

GUARD = "nodeops-disk.service"
SHIP_TIMER = "nodeops-ship.timer"


def observe(name: str) -> Observed:
    """Return what systemd says of a unit, and which configuration its process was started with."""
    unit = systemd.unit(name)
    configured = systemd.configured_environment(name).get(CONFIGURATION, "")
    return Observed(unit, unit.environment().get(CONFIGURATION, ""), configured)


def plan(document: NodeDocument) -> list[Change]:
    """Return what must be done for the guard, and for shipping where it is chosen, to run now and after a boot."""
    guard = observe(GUARD)
    changes = plan_start(guard) if not guard.stale else plan_restart(guard, only_if_stale=True)
    if document.limits.disk.ship:
        changes += plan_start(observe(SHIP_TIMER))
    return changes

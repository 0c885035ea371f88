"""A unit of ours: make it run, and run what is configured; tell an older process from a newer configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nodeops.core.result import Change
from nodeops.host.units import systemd

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


def observe(name: str) -> Observed:
    """Return what systemd says of a unit, which configuration its process was started with, and which it has now."""
    unit = systemd.unit(name)
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
    what = f"restart {observed.unit.name}"
    if not observed.stale:
        return [Change(what, "asked for", "the process that runs", "a new process")]
    why = "its process runs an older configuration"
    return [*reload_first(observed), Change(what, why, observed.running[:12], observed.configured[:12])]


def plan_current(observed: Observed, same_tree: Callable[[], bool]) -> list[Change]:
    """Return what must be done for a unit to run what is configured, from the agent's current tree.

    `same_tree` tells whether its process does; it is asked of one that runs and is not stale.
    """
    if observed.stale:
        return plan_restart(observed, only_if_stale=True)
    changes = plan_start(observed)
    if changes or same_tree():
        return changes
    return [Change(f"restart {observed.unit.name}", "its process runs from an older tree of the agent")]


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

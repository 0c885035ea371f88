"""What a host runs for good, and whether it still does: a service that an update broke may be gone, and run on no old files."""

import time
from collections.abc import Callable, Mapping, Sequence

from nodeops.core.errors import HostError, Timeout
from nodeops.host.command import run
from nodeops.host.units import systemd
from nodeops.host.units.systemd import Unit
from nodeops.lifecycle.patch.policy import kept_until

_QUESTION_SECONDS = 10
# Long enough for a process that cannot read its configuration, or lacks a library, to leave again.
_SETTLE_SECONDS = 2.0


def lasting() -> list[str]:
    """Return the services that run now and come at every boot; no logins. Raise HostError without systemd."""
    words = ["systemctl", "list-units", "--type=service", "--state=running", "--plain", "--full", "--no-legend"]
    said = run(words, timeout_seconds=_QUESTION_SECONDS).stdout.decode(errors="replace")
    names = [line.split()[0] for line in said.splitlines() if line.strip()]
    return sorted(name for name in names if kept_until(name) != "logout" and systemd.unit(name).enabled)


def see_running(names: Sequence[str], timeout_seconds: float, report: Callable[[str], None]) -> None:
    """Wait until services run and stay up. Raise HostError for one that failed, Timeout for one that does not in time."""
    until, before = time.monotonic() + timeout_seconds, _units(names)
    while before:
        time.sleep(_SETTLE_SECONDS)
        now = _units(names)
        restless = [name for name, unit in now.items() if not steady(before.get(name), unit)]
        if not restless:
            return
        for name in restless:
            what, hint = f"ran before, and does not any more: {now[name].state}", f"journalctl --unit {name} --lines 50"
            if now[name].state.startswith("failed"):
                raise HostError(what, where=name, hint=hint)
            if time.monotonic() >= until:
                raise Timeout(what, where=name, hint=hint)
        report(f"waiting for {', '.join(restless)}")
        before = now


def steady(was: Unit | None, unit: Unit) -> bool:
    """Tell whether a unit ran at two looks, as the same process."""
    return was is not None and was.active and unit.active and (was.pid, was.restarts) == (unit.pid, unit.restarts)


def _units(names: Sequence[str]) -> Mapping[str, Unit]:
    """Return the units by name. One that somebody disabled meanwhile need not run."""
    return {name: unit for name in names if (unit := systemd.unit(name)).enabled}

"""Ask systemd about a unit, and make it start, restart or come at boot."""

from dataclasses import dataclass
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.host.command import run

_QUESTION_SECONDS = 30
# A ledger may flush its database when it stops; the unit itself gives up after TimeoutStopSec.
_ACTION_SECONDS = 120
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "MainPID", "Result", "NRestarts")


@dataclass(frozen=True)
class Unit:
    """What systemd knows of a unit. `pid` is 0 while no main process runs."""

    name: str
    loaded: bool
    active: bool
    state: str
    enabled: bool
    needs_reload: bool
    pid: int
    restarts: int

    def environment(self) -> dict[str, str]:
        """Return the environment the main process was started with; empty while none runs."""
        if not self.pid:
            return {}
        try:
            raw = Path(f"/proc/{self.pid}/environ").read_bytes()
        except OSError:
            return {}
        pairs = (entry.split("=", 1) for entry in raw.decode(errors="replace").split("\0") if "=" in entry)
        return dict(pairs)


def unit(name: str) -> Unit:
    """Return a unit's state. A unit that does not exist is simply not loaded. Raise HostError without systemd."""
    words = ["systemctl", "show", name, *(f"--property={key}" for key in _PROPERTIES)]
    out = run(words, timeout_seconds=_QUESTION_SECONDS).stdout.decode(errors="replace")
    known = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    return Unit(
        name=name,
        loaded=known.get("LoadState") == "loaded",
        active=known.get("ActiveState") == "active",
        state="{} ({}, result {})".format(*(known.get(key, "unknown") for key in ("ActiveState", "SubState", "Result"))),
        enabled=known.get("UnitFileState") == "enabled",
        needs_reload=known.get("NeedDaemonReload") == "yes",
        pid=int(known.get("MainPID") or 0),
        restarts=int(known.get("NRestarts") or 0),
    )


def configured_environment(name: str) -> dict[str, str]:
    """Return the environment a unit's next process will be started with, from its Environment= settings."""
    out = run(["systemctl", "show", name, "--property=Environment", "--value"], timeout_seconds=_QUESTION_SECONDS).stdout
    return dict(word.split("=", 1) for word in out.decode(errors="replace").split() if "=" in word)


def systemctl(action: str, *names: str) -> None:
    """Run one action of systemctl. Raise HostError with systemd's own words and where to read more."""
    try:
        run(["systemctl", action, *names], timeout_seconds=_ACTION_SECONDS)
    except HostError as error:
        hint = f"journalctl --unit {names[0]} --lines 50" if names else ""
        raise HostError(error.what, where=f"systemctl {action} {' '.join(names)}", hint=hint) from error

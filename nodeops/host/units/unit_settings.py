"""Where a unit's settings are on disk, when its main process began, and how exposed systemd says it is."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.host.command import run

_QUESTION_SECONDS = 30
_EXPOSURE = re.compile(r"exposure level for \S+: (\d{1,2}\.\d)")


@dataclass(frozen=True)
class UnitSettings:
    """The unit file and its drop-ins; when its main process was started, and when a reload of it last succeeded, in Unix seconds:
    None while there was none. `main` is the id of the main process, 0 while none runs."""

    files: tuple[Path, ...]
    started: float | None
    reloaded: float | None = None
    main: int = 0


def unit_settings(name: str) -> UnitSettings:
    """Return what systemd read for a unit. Raise HostError without systemd."""
    keys = ("FragmentPath", "DropInPaths", "ExecMainStartTimestamp", "ExecReload", "MainPID")
    words = ["systemctl", "show", name, "--timestamp=us+utc", *(f"--property={key}" for key in keys)]
    out = run(words, timeout_seconds=_QUESTION_SECONDS).stdout.decode(errors="replace")
    known = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    files = [known.get("FragmentPath", ""), *known.get("DropInPaths", "").split()]
    started = moment(known.get("ExecMainStartTimestamp", ""))
    # Of several commands of a reload the last one says whether it came to its end.
    reloaded = _ended_well(known.get("ExecReload", ""))
    return UnitSettings(tuple(Path(file) for file in files if file), started, reloaded, int(known.get("MainPID", "0") or 0))


def _ended_well(command: str) -> float | None:
    """Return when a command of a unit was started that left with 0, from systemd's own words for it."""
    found = re.search(r"start_time=\[([^]]*)\].* status=0[ /]?", command)
    return moment(found[1]) if found and "code=exited" in command else None


def moment(text: str) -> float | None:
    """Return the Unix seconds of a timestamp as systemd prints it with us+utc ("Mon 2026-01-31 08:00:00.000001 UTC")."""
    found = re.fullmatch(r"\S+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) UTC", text, re.ASCII)
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp() if found else None
    except ValueError:
        return None


def exposure(name: str) -> float:
    """Return the overall exposure level of a unit, 0 (closed) to 10 (open). Raise HostError when systemd does not say."""
    out = run(["systemd-analyze", "security", "--no-pager", name], timeout_seconds=_QUESTION_SECONDS).stdout.decode(
        errors="replace"
    )
    found = _EXPOSURE.search(out)
    if not found:
        raise HostError(
            "systemd-analyze did not say how exposed the unit is", where=name, hint=f"systemd-analyze security {name}"
        )
    return float(found[1])

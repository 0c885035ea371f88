"""Put changed files in force, each service once, and remember when, so that an audit can tell file from process."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.host.command import run
from nodeops.host.files import write_atomic
from nodeops.host.units.unit_settings import unit_settings

_SECONDS = 120
# In memory: after a reboot every process is younger than its files.
_MARKS = Path("/run/nodeops/hardening-reloads.json")


def reload_all(commands: Sequence[Sequence[str]], *, strict: bool = True) -> None:
    """Run each command. Raise HostError when one fails; without `strict` the others are run all the same."""
    for command in commands:
        try:
            _require_readable(command)
            run(_mended(command), timeout_seconds=_SECONDS)
        except NodeopsError:
            if strict:
                raise
        if command[:2] == ["systemctl", "reload"]:
            _mark(command[2])


def _mended(command: Sequence[str]) -> list[str]:
    """Return the command that also starts a unit that has failed; try-restart leaves it as it is."""
    if command[:2] != ["systemctl", "try-restart"]:
        return list(command)
    # Several changes within seconds are no reason for systemd to give a unit up.
    failed = run(["systemctl", "is-failed", command[2]], timeout_seconds=_SECONDS, allowed_codes=range(256)).returncode == 0
    run(["systemctl", "reset-failed", command[2]], timeout_seconds=_SECONDS, allowed_codes=range(256))
    return ["systemctl", "restart" if failed else "try-restart", command[2]]


def _require_readable(command: Sequence[str]) -> None:
    """Raise HostError before sshd is told to read files that it refuses: it would stop, and nobody could log in."""
    if "ssh.service" in command:
        # Only the unit makes this folder, and only while it runs; without it sshd says nothing about its files.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        run(["/usr/sbin/sshd", "-t"], timeout_seconds=_SECONDS)


def _mark(unit: str) -> None:
    _MARKS.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomic(_MARKS, json.dumps({**_marks(), unit: time.time()}).encode(), 0o644)


def _marks() -> dict[str, float]:
    try:
        return dict(json.loads(_MARKS.read_bytes()))
    except (OSError, ValueError):
        return {}


def in_force_since(unit: str) -> float | None:
    """Return when a running unit last read its files, in Unix seconds: its start or our reload; None when it does not run."""
    started = unit_settings(unit).started
    return None if started is None else max(started, _marks().get(unit, 0.0))

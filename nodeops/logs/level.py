"""Set the ledger's log level for a while, and take it back. Needs systemd; setting and taking back need root."""

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host import trial
from nodeops.host.command import run
from nodeops.host.files import write_atomic
from nodeops.host.lock import held
from nodeops.host.units import systemd, undo_timer
from nodeops.ledger.node import rejoin, service
from nodeops.logs.level_rules import Pull, Seen, content, level_in, plan_back, plan_set, require_lever, seconds_of

Report = Callable[[str], None]
_ACTION_SECONDS = 30
_TOKEN_BYTES = 4
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ACTIONS = ("daemon-reload", "restart")


@dataclass(frozen=True)
class Places:
    """Where the lever writes. Both are on a tmpfs: a reboot takes everything back."""

    drop_in: Path
    state: Path

    @property
    def record(self) -> Path:
        """Return the file that says what was set and until when."""
        return self.state / "pull.json"


def places(document: NodeDocument, units: Path = Path("/run/systemd/system")) -> Places:
    """Return the drop-in of the ledger's unit and the folder of the lever's record."""
    drop_in = units / f"{document.ledger.unit}.d" / "50-nodeops-log-level.conf"
    return Places(drop_in, Path(document.paths["run"]) / "log-level")


def observe(document: NodeDocument, where: Places) -> Seen:
    """Return which level is set, which one runs and until when. Raise HostError without systemd or without the unit."""
    lever = require_lever(document.ledger)
    unit = service.observe(document).unit
    dropped_in = level_in(_text(where.drop_in), lever.variable)
    pull = _pull(where.record)
    # Another user's process does not tell its environment: the drop-in is then the best that is known.
    running = unit.environment().get(lever.variable) if os.geteuid() == 0 else dropped_in
    return Seen(unit.name, document.ledger.log_level, dropped_in, running, unit.active, pull, _left(pull))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _pull(path: Path) -> Pull | None:
    """Return what was set last. A record that is damaged is none: the drop-in alone decides what must be taken back."""
    try:
        body: Any = json.loads(_text(path) or "null")
        return Pull(str(body["level"]), str(body["token"]), str(body["boot"]), float(body["ends"])) if body else None
    except (ValueError, TypeError, KeyError):
        return None


def _left(pull: Pull | None) -> float | None:
    if pull is None or pull.boot != _boot():
        return None
    words = ["systemctl", "is-active", f"{pull.unit}.timer", f"{pull.unit}.service"]
    said = run(words, timeout_seconds=_ACTION_SECONDS, allowed_codes=(0, 1, 2, 3, 4)).stdout.split()
    return max(0.0, pull.ends - trial.now()) if {b"active", b"activating"} & set(said) else None


def _boot() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()


def set_level(
    document: NodeDocument, where: Places, level: str, lasting: str | None, timeout: float, report: Report
) -> list[Change]:
    """Set a level for a while, restart the ledger if it runs at another one, and return what was done.

    `lasting` is a duration as people write it. Setting the configured level takes an earlier one back. Raise InputError for
    an unknown level or time, Refused while another change is at work, Timeout when the node does not take part again.
    """
    seconds = seconds_of(level, lasting, document.ledger)
    if level == document.ledger.log_level:
        return take_back(document, where, timeout, report)
    with _turn(where):
        seen = observe(document, where)
        changes = plan_set(seen, level, seconds)
        pull = Pull(level, secrets.token_hex(_TOKEN_BYTES), _boot(), trial.now() + seconds)
        # In this order: at every moment in which the drop-in is there, a timer is armed that knows of it.
        undo_timer.arm(pull.unit, [document.paths["command"], "logs", "level", "--back", "--only", pull.token], seconds, "1s")
        write_atomic(where.record, json.dumps(asdict(pull)).encode(), 0o644)
        if seen.pull is not None:
            undo_timer.disarm(seen.pull.unit)
        if seen.dropped_in != level:
            _write(where.drop_in, content(require_lever(document.ledger).variable, level))
        _carry_out(document, changes, timeout, report)
    return changes


def take_back(document: NodeDocument, where: Places, timeout: float, report: Report, only: str = "") -> list[Change]:
    """Take the level back to what is configured, and return what was done; nothing when it is back.

    With `only`, a timer's token, nothing is done when another level was set since. Raise as `set_level` does.
    """
    with _turn(where):
        seen = observe(document, where)
        if only and seen.pull is not None and seen.pull.token != only:
            return []
        changes = plan_back(seen)
        where.drop_in.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            where.drop_in.parent.rmdir()
        _carry_out(document, changes, timeout, report)
        # Last, so that until here whoever looks sees that something is under way, and the timer's service tries again.
        where.record.unlink(missing_ok=True)
        if seen.pull is not None:
            undo_timer.disarm(seen.pull.unit)
    return changes


def _turn(where: Places) -> contextlib.AbstractContextManager[object]:
    if os.geteuid() != 0:
        raise HostError("the log level is for root to change", where="nodeops logs level", hint="run with sudo")
    where.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    return held(where.state)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomic(path, text.encode(), 0o644)


def _carry_out(document: NodeDocument, changes: Sequence[Change], timeout: float, report: Report) -> None:
    """Reload and restart as a plan says; the rest of the plan are the files, which are written already."""
    actions = [change for change in changes if change.what.split(" ", 1)[0] in _ACTIONS]
    if any(change.what.startswith("restart ") for change in actions):
        rejoin.restart(document, actions, timeout, report)
        return
    for _ in actions:
        systemd.systemctl("daemon-reload")

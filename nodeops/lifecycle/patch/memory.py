"""What a host remembers of its updates: since when each patch of security is pending, what was last seen, what was changed."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument
from nodeops.host.files import sync_folder, write_atomic
from nodeops.lifecycle.patch.observe import lists_time
from nodeops.lifecycle.patch.policy import Seen, due, kept_until, remembered
from nodeops.receipts import notes

_PENDING, _REBOOT, _BOOK = "pending.json", "reboot.json", "patched.jsonl"


def folder_of(document: HostDocument) -> Path:
    """Return the folder of this state, made when it is missing."""
    folder = Path(document.paths["patch_state"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def record(document: HostDocument, seen: Seen) -> dict[str, Any]:
    """Remember what was seen, publish it for every other verb and for metrics, and return it."""
    file, now = folder_of(document) / _PENDING, time.time()
    known = remembered(_read(file) or {}, seen.updates, now)
    write_atomic(file, json.dumps(known).encode(), 0o600)
    said = summary(seen, known, now)
    status = Path(document.paths["patch_status"])
    status.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomic(status, json.dumps(said).encode(), 0o644)
    return said


def summary(seen: Seen, known: Mapping[str, float], now: float) -> dict[str, Any]:
    """Return what was seen as plain data: counts by class, the age of the oldest patch, what waits for a restart."""
    security = [one for one in seen.updates if one.security]
    return {
        "at": now,
        "lists_at": lists_time(),
        "pending": {"security": len(security), "other": len(seen.updates) - len(security)},
        "left": {one.name: one.left for one in seen.updates if one.left},
        "oldest_security_at": min((known[one.name] for one in security), default=None),
        "stale": {unit: list(files) for unit, files in seen.stale.items() if kept_until(unit) is None},
        "reboot": due(seen.reboot, seen.stale),
        "unfinished": list(seen.unfinished),
    }


def pending_since(document: HostDocument) -> dict[str, float]:
    """Return since when each patch of security is pending, in Unix seconds."""
    return _read(Path(document.paths["patch_state"]) / _PENDING) or {}


def last_seen(document: HostDocument) -> dict[str, Any] | None:
    """Return what was last published since the boot; None when nobody looked. Raise HostError when it is damaged."""
    return _read(Path(document.paths["patch_status"]))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise HostError(f"cannot be read: {error}", where=str(path), hint="remove it; it is written anew") from error
    return found


def note(document: HostDocument, kind: str, data: Mapping[str, Any]) -> None:
    """Write into the book what was begun, done or failed."""
    notes.append(folder_of(document) / _BOOK, document.own.name, kind, data)


def history(document: HostDocument) -> tuple[list[notes.Note], list[str]]:
    """Return the book of what was patched, and what is wrong with it."""
    return notes.read(Path(document.paths["patch_state"]) / _BOOK)


def begin_reboot(document: HostDocument, data: Mapping[str, Any]) -> None:
    """Remember that this host is about to reboot, and what its node did before."""
    write_atomic(folder_of(document) / _REBOOT, json.dumps(data).encode(), 0o600)


def reboot_begun(document: HostDocument) -> dict[str, Any] | None:
    """Return what was remembered of a reboot that is not over; None when there is none."""
    return _read(Path(document.paths["patch_state"]) / _REBOOT)


def end_reboot(document: HostDocument) -> None:
    """Forget a reboot: its node takes part again."""
    folder = folder_of(document)
    (folder / _REBOOT).unlink(missing_ok=True)
    sync_folder(folder)

"""What a host remembers of its backups: the newest whole one, when one was tried last, why that failed, and the last drill."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from nodeops.backup.policy import Last
from nodeops.core.errors import HostError
from nodeops.document.models import NodeDocument
from nodeops.host.files import write_atomic

_FILE, _DRILL_FILE = "last.json", "drilled.json"
# The exporter, which has no rights, reads it too. What opens a repository is cut out of every error (settings.py).
_MODE = 0o644


@dataclass(frozen=True)
class Remembered:
    """`last` is the newest whole backup, `tried` when one was begun last (UTC), `error` why that one failed, "" when it did not.

    `begun` tells that this host has seen its repository: one that vanishes later is not made anew.
    """

    last: Last | None = None
    tried: datetime | None = None
    error: str = ""
    begun: bool = False


def read_state(document: NodeDocument) -> Remembered:
    """Return what the host remembers; nothing where no backup was ever tried. Raise HostError for a file that is damaged."""
    file = _file(document)
    try:
        said = json.loads(file.read_bytes())
        last, tried = said["last"], said["tried"]
        return Remembered(
            Last(**{**last, "time": datetime.fromisoformat(last["time"])}) if last else None,
            datetime.fromisoformat(tried) if tried else None,
            str(said["error"]),
            bool(said["begun"]),
        )
    except FileNotFoundError:
        return Remembered()
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(file), hint="run as root") from error
    except (ValueError, KeyError, TypeError) as error:
        raise HostError("is damaged", where=str(file), hint="nodeops backup list; then remove this file") from error


def write_state(document: NodeDocument, remembered: Remembered) -> None:
    """Keep it in one step."""
    file = _file(document)
    file.parent.mkdir(parents=True, exist_ok=True)
    # The unit's umask would keep the exporter out of the folder, and all alerts of backups quiet.
    file.parent.chmod(0o755)
    text = json.dumps(asdict(remembered), default=lambda moment: moment.isoformat())
    write_atomic(file, text.encode() + b"\n", _MODE)


def write_drill(document: NodeDocument, at: float, passed: bool) -> None:
    """Keep when the last drill ended (Unix seconds) and whether it passed. The book of receipts says more, to root alone."""
    text = json.dumps({"at": at, "passed": passed})
    write_atomic(Path(document.paths["backup_state"]) / _DRILL_FILE, text.encode() + b"\n", _MODE)


def read_drill(document: NodeDocument) -> tuple[float, bool] | None:
    """Return when the last drill ended and whether it passed; None before the first. Raise HostError for a damaged file."""
    file = Path(document.paths["backup_state"]) / _DRILL_FILE
    try:
        said = json.loads(file.read_bytes())
        return float(said["at"]), bool(said["passed"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostError("cannot be read", where=str(file), hint="nodeops backup drill writes it anew") from error


def _file(document: NodeDocument) -> Path:
    return Path(document.paths["backup_state"]) / _FILE

"""What is kept of a host's hardening: what it was before us, and the journal of a change that is not settled yet.

A change is settled by one rename: while `journal.json` is there it can be rolled back, once it is `committed.json` it holds.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument
from nodeops.hardening.change.plan import Kept
from nodeops.hardening.host.states import State
from nodeops.host.files import sync_folder, write_atomic

NAME = "hardening"
_STATE, _JOURNAL, _COMMITTED = "state.json", "journal.json", "committed.json"


@dataclass(frozen=True)
class Journal:
    """A change under way: every resource it touches as it was, in the order of the change, and both states to keep.

    `packages` are those installed before the change, None when it installs none; `reloads` are run after it and after its
    undo; `purge` are the packages that go once the change is confirmed, `reinstall` those of the site's that come back.
    """

    before: list[tuple[str, State]]
    old: Kept
    new: Kept
    reloads: list[list[str]]
    packages: list[str] | None = None
    purge: list[str] = field(default_factory=list)
    reinstall: list[str] = field(default_factory=list)


def folder_of(document: HostDocument) -> Path:
    """Return where all this is kept, made for root alone. Raise HostError when it cannot be made."""
    folder = Path(document.paths["hardening_state"])
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(folder), hint="run as root") from error
    return folder


def kept(folder: Path) -> Kept:
    """Return what is kept; nothing on a host that was never hardened."""
    data = _read(folder / _STATE)
    return Kept() if data is None else Kept(**data)


def keep(folder: Path, state: Kept) -> None:
    """Write down what is kept."""
    _write(folder / _STATE, asdict(state))


def journal(folder: Path) -> Journal | None:
    """Return the change that is neither confirmed nor undone."""
    return _journal(folder / _JOURNAL)


def committed(folder: Path) -> Journal | None:
    """Return the change that is confirmed and whose end was not reached."""
    return _journal(folder / _COMMITTED)


def _journal(path: Path) -> Journal | None:
    data = _read(path)
    if data is None:
        return None
    before = [(key, state) for key, state in data.pop("before")]
    return Journal(before=before, **{**data, "old": Kept(**data["old"]), "new": Kept(**data["new"])})


def open_journal(folder: Path, change: Journal) -> None:
    """Write the journal, synced to disk, before anything is changed."""
    _write(folder / _JOURNAL, asdict(change))


def commit_journal(folder: Path) -> None:
    """Let the change hold from now on, whatever happens."""
    (folder / _JOURNAL).rename(folder / _COMMITTED)
    sync_folder(folder)


def close_journal(folder: Path) -> None:
    """Forget the change: it is undone, or its end was reached."""
    for name in (_JOURNAL, _COMMITTED):
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)


def _write(path: Path, data: Any) -> None:
    write_atomic(path, json.dumps(data, sort_keys=True).encode(), 0o600)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        hint = "restore it from a backup; without it nothing can be undone"
        raise HostError(f"what was kept is damaged: {error}", where=str(path), hint=hint) from error

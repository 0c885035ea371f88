"""What belongs to a backup, how it is tagged, how old it may be, and whose lock may be cleared. Pure.

Class B is small, irreplaceable and can be copied while the node runs: the ledger replaces its signing state in one rename, and
nodeops its own files. Keys (class A) and chain data (class C) are never in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from nodeops.core.errors import InputError, Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import NodeDocument

STATE = "b"
# A clock may differ that much from the one that made the backup.
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Snapshot:
    """One backup in the repository. `tags` are name -> value."""

    id: str
    host: str
    time: datetime
    tags: dict[str, str]
    paths: Sequence[str]


@dataclass(frozen=True)
class Lock:
    """A lock in the repository: the host and process that hold it, and whether that process lives on this host."""

    host: str
    pid: int
    alive: bool


@dataclass(frozen=True)
class Tip:
    """Where the node's chain was when the backup was made."""

    height: int
    block_hash: str
    app_hash: str


def state_paths(document: NodeDocument) -> list[str]:
    """Return the paths of class B. Raise InputError when one holds a key, or is held by a folder of keys."""
    ledger, own = document.ledger.paths, document.paths
    found = sorted([ledger["validator_state"], ledger["config"], ledger["genesis"], own["document"], own["state"]])
    keys = PurePosixPath(ledger["keys"])
    for path in map(PurePosixPath, found):
        if path.is_relative_to(keys) or keys.is_relative_to(path):
            raise InputError(f"{path} would put keys among the state", where="backup", allowed=f"paths apart from {keys}")
    return found


def tags(document: NodeDocument, tip: Tip | None) -> dict[str, str]:
    """Return what a snapshot is tagged with. A ledger that did not answer has no tip: its tags are then left out."""
    found = {
        "node": document.node.name,
        "class": STATE,
        "revision": str(document.revision),
        "document": document.consortium_digest,
    }
    if tip is not None:
        found |= {"height": str(tip.height), "block": tip.block_hash, "app": tip.app_hash}
    return found


def may_clear(locks: Sequence[Lock], host: str) -> bool:
    """Tell whether there are locks and all are left from dead processes of this host. Raise Refused when one is held."""
    for lock in locks:
        if lock.host != host:
            raise Refused(f"is locked by {lock.host}", where="repository", hint="only that host may say whether it is at work")
        if lock.alive:
            raise Refused(f"is in use by process {lock.pid}", where="repository", hint="wait until it has ended, run again")
    return bool(locks)


def judge_age(snapshots: Sequence[Snapshot], now: datetime, most: timedelta) -> Finding:
    """Judge the newest backup: there must be one, not older than `most`, and not from the future."""
    expected = f"a backup of the last {_hours(most)}"
    if not snapshots:
        return Finding("backup.age", Verdict.FAIL, expected, "there is none", "nodeops backup run")
    newest = max(snapshots, key=lambda one: one.time)
    age = now - newest.time
    if age < -_SKEW:
        hint = "compare the clocks of this host and of the one that made it"
        return Finding("backup.age", Verdict.FAIL, expected, f"{newest.id} is {_hours(-age)} in the future", hint)
    verdict = Verdict.PASS if age <= most else Verdict.FAIL
    return Finding("backup.age", verdict, expected, f"{newest.id} is {_hours(age)} old", "nodeops backup run")


def _hours(span: timedelta) -> str:
    return f"{max(span, timedelta()).total_seconds() / 3600:.1f} h"

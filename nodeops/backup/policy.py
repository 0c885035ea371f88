"""What belongs to a backup, how it is tagged, how old it may be, and whose lock may be cleared. Pure.

Class B is small, irreplaceable and can be copied while the node runs: the ledger replaces its signing state in one rename, and
nodeops its own files. Keys (class A) and chain data (class C) are never in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from nodeops.core.errors import InputError, Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import NodeDocument

KEYS, STATE, MARK = "a", "b", "mark"
# A night without a backup is noticed; one that is an hour late is none of anybody's business.
MOST_HOURS = 26.0
_SET_UP = "nodeops backup run; ansible-playbook playbooks/backup.yml sets up what is missing"
# A clock may differ that much from the one that made the backup.
SKEW = timedelta(minutes=5)


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


@dataclass(frozen=True)
class Last:
    """The newest whole backup that a host made, as it remembers it: when it ended (UTC), its bytes, and how long it took."""

    snapshot: str
    time: datetime
    bytes: int
    added: int
    seconds: float


def state_paths(document: NodeDocument) -> list[str]:
    """Return the paths of class B. Raise InputError when one holds a key, or is held by a folder of keys."""
    ledger, own = document.ledger.paths, document.paths
    found = sorted([ledger["validator_state"], ledger["config"], ledger["genesis"], own["document"], own["state"]])
    keys = PurePosixPath(ledger["keys"])
    for path in map(PurePosixPath, found):
        if path.is_relative_to(keys) or keys.is_relative_to(path):
            raise InputError(f"{path} would put keys among the state", where="backup", allowed=f"paths apart from {keys}")
    return found


def left_out(document: NodeDocument) -> list[str]:
    """Return patterns of what lies beneath those paths and is no state: the log's disk where it is a file, room kept free."""
    image = PurePosixPath(document.paths["log_image"])
    return [f"{image.with_suffix('')}.*", f"{document.paths['state']}/.nodeops-ballast-*"]


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


def whole(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Return the snapshots that a mark names. restic keeps what it could read of a run that failed, and it looks like others."""
    marked = {one.tags.get("of") for one in snapshots if one.tags.get("class") == MARK}
    return [one for one in snapshots if one.id in marked and one.tags.get("class") != MARK]


def by_block(snapshots: Sequence[Snapshot], tip: int | None = None) -> list[Snapshot]:
    """Return snapshots by the block at which each was made, the oldest first: clocks may be wrong, blocks are agreed.

    One that was made while the ledger was silent comes after the one before it by time. Those that claim a block which the
    chain does not have yet, where its `tip` is known, come before all others: nothing makes them the newest.
    """
    ranked: list[tuple[int, datetime, int]] = []
    last = 0
    for number, one in enumerate(snapshots := sorted(snapshots, key=lambda one: one.time)):
        said = one.tags.get("height")
        height = last if said is None else height_of(said)
        if tip is not None and height > tip:
            height = -1
        elif said is not None:
            last = max(height, 0)
        ranked.append((height, one.time, number))
    return [snapshots[number] for _, _, number in sorted(ranked)]


def height_of(said: str) -> int:
    """Return a height that a tag says, -1 for anything that is none: whoever has a node writes what they like."""
    return int(said) if re.fullmatch(r"[0-9]{1,18}", said, re.ASCII) else -1


def judge_history(snapshots: Sequence[Snapshot], last: Last | None) -> Finding:
    """Judge whether the repository still has the backup that this host made last: only someone else can have removed it."""
    expected = "the repository has the backup that this host made last"
    if last is None:
        return Finding("backup.history", Verdict.NOT_APPLICABLE, expected, "this host remembers none")
    if last.snapshot in {one.id for one in snapshots}:
        return Finding("backup.history", Verdict.PASS, expected, f"{last.snapshot} is there")
    hint = "find out who can remove backups; the repository's own side must only let this node append"
    return Finding("backup.history", Verdict.FAIL, expected, f"{last.snapshot} of {last.time:%Y-%m-%d %H:%M} UTC is gone", hint)


def judge_age(snapshots: Sequence[Snapshot], now: datetime, most: timedelta) -> Finding:
    """Judge the newest backup: there must be one, not older than `most`, and not from the future."""
    expected = f"a backup of the last {_hours(most)}"
    if not snapshots:
        return Finding("backup.age", Verdict.FAIL, expected, "there is none", "nodeops backup run")
    newest = max(snapshots, key=lambda one: one.time)
    age = now - newest.time
    if age < -SKEW:
        return _of_the_future("backup.age", expected, newest.id, -age)
    verdict = Verdict.PASS if age <= most else Verdict.FAIL
    return Finding("backup.age", verdict, expected, f"{newest.id} is {_hours(age)} old", "nodeops backup run")


def judge_place(repository: str) -> Finding:
    """Say of a kind of repository whether this project's tests make backups into it."""
    expected = "a kind of repository into which the tests of nodeops make backups"
    if repository.startswith(("rest:https:", "/")):
        return Finding("backup.place", Verdict.PASS, expected, "it is")
    if repository.startswith(("sftp://", "s3:https:")):
        text = "it is; whoever has this node may remove there, unless that side keeps snapshots or locks objects"
        return Finding("backup.place", Verdict.PASS, expected, text)
    hint = "drill every backup: nodeops backup drill; see yourself who may remove there"
    return Finding("backup.place", Verdict.NOT_TESTABLE_HERE, expected, f"{repository.partition(':')[0]}: not tested", hint)


def judge_last(last: Last | None, error: str, configured: bool, now: datetime, most: timedelta) -> Finding:
    """Judge what a host remembers: where backups are set up, the newest whole one is young, and not of the future. One that
    failed since is told."""
    expected = f"a backup of the last {_hours(most)}"
    if not configured:
        return Finding("backup.last", Verdict.NOT_APPLICABLE, expected, "backups are not set up here")
    failed = f"; the last try failed: {error}" if error else ""
    if last is None:
        return Finding("backup.last", Verdict.FAIL if error else Verdict.WARN, expected, f"there is none yet{failed}", _SET_UP)
    if now - last.time < -SKEW:
        return _of_the_future("backup.last", expected, last.snapshot, last.time - now)
    old = now - last.time > most
    verdict = Verdict.FAIL if old else Verdict.WARN if error else Verdict.PASS
    return Finding("backup.last", verdict, expected, f"{last.snapshot} is {_hours(now - last.time)} old{failed}", _SET_UP)


def _of_the_future(name: str, expected: str, snapshot: str, ahead: timedelta) -> Finding:
    """Nothing that comes after it would ever look old."""
    hint = "compare the clocks of this host and of the one that made it; a backup made with the right one mends it"
    return Finding(name, Verdict.FAIL, expected, f"{snapshot} is {_hours(ahead)} in the future", hint)


def _hours(span: timedelta) -> str:
    return f"{max(span, timedelta()).total_seconds() / 3600:.1f} h"

"""Look at a node's repository on the disk where it stands, and remove what a plan says, as the account that keeps it."""

import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nodeops.backup.forget.plan import Arrived, Kept, judge, sampled, to_forget, whole
from nodeops.backup.policy import may_clear
from nodeops.backup.restic import Restic
from nodeops.core.errors import HostError, InputError, Refused
from nodeops.core.finding import Finding
from nodeops.document.resolve import host_paths

SERVER = "nodeops-repository.service"
_NODE = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)


@dataclass(frozen=True)
class Looked:
    """What is in a node's repository: how many whole backups, which ids may go, and what was judged."""

    backups: int
    going: list[str]
    findings: list[Finding]


def folder_of(node: str) -> Path:
    """Return where a node's repository stands. Raise InputError for a name that none has."""
    data = Path(host_paths()["repository_data"])
    there = sorted(one.name for one in data.iterdir() if _NODE.fullmatch(one.name)) if data.is_dir() else []
    if node not in there:
        allowed = ", ".join(there) or "run this on a repository, as root"
        raise InputError(f"has no repository of {node!r}", where=str(data), allowed=allowed)
    return data / node


def engine_of(folder: Path, password: str) -> Restic:
    """Return the engine on a folder, which works as the owner of the folder and with no other rights."""
    owner = folder.stat()
    become = () if owner.st_uid == os.geteuid() else _as(owner.st_uid, owner.st_gid)
    return Restic({"RESTIC_REPOSITORY": str(folder), "RESTIC_PASSWORD": password}, become)


def _as(uid: int, gid: int) -> tuple[str, ...]:
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs", "--inh-caps=-all")


def arrivals(folder: Path, engine: Restic) -> list[Arrived]:
    """Return all snapshots with the time at which the server wrote each."""
    files = {one.name: datetime.fromtimestamp(one.stat().st_mtime, UTC) for one in (folder / "snapshots").iterdir()}
    found = engine.everything()
    if missing := set(found) - set(files):
        raise HostError(f"lost {', '.join(sorted(missing))} while it was read", where=str(folder), hint="run it again")
    return [Arrived(name, files[name], snapshot) for name, snapshot in found.items()]


def look(folder: Path, engine: Restic, now: datetime, kept: Kept) -> Looked:
    """Look at everything and decide. Every byte is read back: an index that lies would make a prune drop what is good."""
    host = socket.gethostname()
    if may_clear(engine.locks(host), host):
        engine.clear_stale_locks()
    damage = engine.check()
    found = arrivals(folder, engine)
    backups = whole(found)
    # Where there is damage, nothing more is asked of what may not be readable.
    sizes = {} if damage else {name: engine.restore_size(name) for name in sampled(backups)}
    return Looked(len(backups), to_forget(found, now, kept), list(judge(backups, sizes, now, damage)))


def remove(folder: Path, engine: Restic, going: list[str]) -> None:
    """Remove snapshots and what only they needed; see that all others are there and whole. Raise Refused when they are not."""
    before = {one.id for one in arrivals(folder, engine)}
    engine.forget(going)
    lost = before - set(going) - set(engine.everything())
    if lost or (damage := engine.check()):
        what = f"lost {', '.join(sorted(lost))}" if lost else f"is damaged: {damage}"
        raise Refused(what, where=str(folder), hint="keep it as it is, and find out what wrote to it")

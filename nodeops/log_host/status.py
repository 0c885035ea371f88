"""What a log host says of itself and of each node: when it spoke last, how much today, and what was left out."""

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import nodeops
from nodeops.core.errors import HostError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.units import size
from nodeops.host.files import write_atomic
from nodeops.log_host.store import SUFFIX, Store

# A node says something every ten minutes, if only that it is there (logging.forwarding).
_SILENT_SECONDS = 3600.0
_READABLE = 0o644


class Sender(BaseModel):
    """A node as its log host sees it. `last` is when it last sent something (Unix seconds), 0 for never; `left_out` are lines of
    today, `left_out_ever` of all days, both since the log host runs.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    last: float
    today_bytes: int
    kept_bytes: int
    left_out: int
    left_out_ever: int


class Status(BaseModel):
    """What the unit wrote last: from which tree of the agent it runs, which nodes it lets in, who has no certificate yet, and how
    much is kept of a day.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    tree: str
    senders: dict[str, Sender]
    missing: list[str]
    day_bytes: int


def tree() -> str:
    """Return the folder that this process's code comes from."""
    return str(Path(nodeops.__file__).resolve().parent)


def seen(store: Store, folder: Path, nodes: list[str], missing: list[str]) -> Status:
    """Return what the store holds of each node."""
    senders = {name: _sender(store, folder / name, name) for name in nodes}
    return Status(tree=tree(), senders=senders, missing=missing, day_bytes=store.day_bytes)


def _sender(store: Store, folder: Path, name: str) -> Sender:
    files = [file.stat() for file in sorted(folder.glob(f"*{SUFFIX}"))]
    today = store.today.get(name)
    last = today.last if today else max((file.st_mtime for file in files), default=0.0)
    return Sender(
        last=last,
        today_bytes=today.size if today else 0,
        kept_bytes=sum(file.st_size for file in files),
        left_out=today.left_out if today else 0,
        left_out_ever=store.left_out_ever(name),
    )


def write(path: Path, status: Status) -> None:
    """Write it where `read` finds it."""
    write_atomic(path, status.model_dump_json().encode(), _READABLE)


def read(path: Path) -> Status:
    """Return what the unit wrote last. Raise HostError when there is nothing to be read."""
    try:
        return Status.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        hint = "systemctl status nodeops-log-host.service"
        raise HostError("the log host has said nothing of itself", where=str(path), hint=hint) from error


def word(status: Status, now: float) -> str:
    """Return in some words how a log host is doing. Pure."""
    found = findings(status, now)
    passing = sum(finding.verdict is Verdict.PASS for finding in found)
    return f"all of {passing} nodes" if passing == len(found) else f"{passing} of {len(found)} nodes"


def findings(status: Status, now: float | None = None) -> list[Finding]:
    """Return a finding for each node: its lines come, all of them. Pure where `now` is given."""
    instant = time.time() if now is None else now
    hint = "run site.yml for this node and this host"
    lost = [_finding(name, Verdict.FAIL, "no certificate yet", hint) for name in status.missing]
    return [*(_judged(name, sender, instant) for name, sender in status.senders.items()), *lost]


def _judged(name: str, sender: Sender, now: float) -> Finding:
    if sender.left_out:
        said = f"{sender.left_out} lines left out today, {size(sender.today_bytes)} kept"
        return _finding(name, Verdict.FAIL, said, "see what the node says so much of; log_host_day_bytes is the bound of a day")
    # In the future it is where this host's clock was put back: whoever speaks is heard by the new one within minutes.
    if abs(now - sender.last) > _SILENT_SECONDS:
        said = "nothing came for an hour" if sender.last else "nothing ever came"
        return _finding(name, Verdict.FAIL, said, "nodeops hardening audit logging.log-host on the node says why")
    return _finding(name, Verdict.PASS, f"{size(sender.today_bytes)} today, {size(sender.kept_bytes)} kept", "")


def _finding(name: str, verdict: Verdict, actual: str, hint: str) -> Finding:
    return Finding(f"log-host.{name}", verdict, "its lines come, and all are kept", actual, hint)

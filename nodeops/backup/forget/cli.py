"""`nodeops backup forget`: remove old backups of a node, on the repository that keeps them."""

import os
import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from nodeops.backup.forget.plan import Kept
from nodeops.backup.forget.thin import SERVER, Looked, engine_of, folder_of, look, remove
from nodeops.backup.settings import parse_settings
from nodeops.console import DryRunFlag, JsonFlag, emit, working
from nodeops.core.errors import HostError, Refused
from nodeops.core.finding import Finding, Verdict, failed, failures
from nodeops.core.result import Change, Result
from nodeops.document.resolve import host_paths
from nodeops.receipts import notes

_MOST_BYTES = 1 << 16
_BOOK = Path("/var/lib/nodeops-forget/notes.jsonl")
# A damaged repository is evidence, whatever anybody says.
_NEVER_OVERRIDDEN = ("forget.integrity",)


def forget(
    node: Annotated[str, typer.Argument(help="Whose backups.")],
    all_days: Annotated[int, typer.Option("--all-days", min=7, max=36500, help="For so many days every backup stays.")] = 30,
    daily_days: Annotated[
        int,
        typer.Option("--daily-days", min=7, max=36500, help="Then one of each day; later one of each month, for ever."),
    ] = 365,
    because: Annotated[
        str, typer.Option("--because", metavar="WORDS", help="Why it is right in spite of a finding; written down.")
    ] = "",
    alone: Annotated[bool, typer.Option("--alone", hidden=True, help="Said by the unit that this starts as.")] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Remove a node's old backups, on its repository; standard input is the node's backup.env, and nothing keeps it.

    Only the time of arrival here counts. Refused where backups claim other times, the newest are small or late, or a byte is
    damaged. The repository's server stands still meanwhile, so that nothing is slipped in between looking and removing.
    """
    _require_root()
    folder = folder_of(node)
    if not (alone or dry_run):
        _begin_alone(folder)
    engine = engine_of(folder, _password())
    with working("reading the repository back"):
        found = look(folder, engine, datetime.now(UTC), Kept(all_days, max(all_days, daily_days)))
    if not dry_run and found.going:
        _require_good(found, because)
        found = replace(found, findings=[_waived(one, because) for one in found.findings])
        _note(node, found, because, "begins")
        with working(f"removing {len(found.going)} snapshots"):
            remove(folder, engine, found.going)
        _note(node, found, because, "done")
    emit(_result(node, found), as_json)


def _result(node: str, found: Looked) -> Result:
    changes = [Change(f"{node}: {len(found.going)} snapshots", "old, or never finished; marks with them")] if found.going else []
    lines = [f"{node}: {found.backups} whole backups; {len(found.going)} snapshots may go"]
    return Result({"node": node, "backups": found.backups, "going": found.going}, (), lines, found.findings, changes)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise HostError("a repository is for its own account only", where="nodeops backup forget", hint="run it with sudo")


def _password() -> str:
    if sys.stdin.isatty():
        hint = "ssh NODE sudo cat /etc/nodeops/backup.env | ssh REPOSITORY sudo nodeops backup forget NODE"
        raise HostError("needs what opens the backups on standard input", where="nodeops backup forget", hint=hint)
    return parse_settings(sys.stdin.read(_MOST_BYTES), "standard input")["RESTIC_PASSWORD"]


def _begin_alone(folder: Path) -> None:
    """Become a unit of systemd with which the server does not run at once; it is started again however this one ends."""
    properties = (
        f"Conflicts={SERVER}",
        f"After={SERVER}",
        f"ExecStopPost=+/usr/bin/systemctl start --no-block {SERVER}",
        "PrivateNetwork=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectHome=yes",
        "ProtectSystem=strict",
        f"ReadWritePaths={folder}",
        f"StateDirectory={_BOOK.parent.name}",
        "StateDirectoryMode=0700",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_DAC_READ_SEARCH CAP_KILL",
        "LimitCORE=0",
        "UMask=0077",
    )
    words = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--unit=nodeops-forget-{folder.name}"]
    own = [host_paths()["command"], *map(_literal, sys.argv[1:]), "--alone"]
    os.execvp(words[0], [*words, *(f"--property={one}" for one in properties), "--", *own])  # noqa: S606 - it takes our place


def _literal(word: str) -> str:
    """Return a word as a unit's command line has it (systemd.service(5)): a dollar begins a variable, in a reason too."""
    return word.replace("$", "$$")


def _require_good(found: Looked, because: str) -> None:
    """Raise Refused for what no words take away, or for anything without words."""
    bad = [one for one in found.findings if failed([one]) and (not because or one.id in _NEVER_OVERRIDDEN)]
    if bad:
        raise Refused("\n".join(failures(bad)), where="nodeops backup forget", hint="nothing was removed; see what is named")


def _waived(found: Finding, because: str) -> Finding:
    return replace(found, verdict=Verdict.WAIVED, hint=because) if failed([found]) else found


def _note(node: str, found: Looked, because: str, how: str) -> None:
    overridden = [one.id for one in found.findings if one.verdict is Verdict.WAIVED]
    body = {"node": node, "how": how, "going": len(found.going), "backups": found.backups}
    said = {"because": because, "overridden": overridden} if overridden else {}
    notes.append(_BOOK, socket.gethostname(), "forget", {**body, **said})

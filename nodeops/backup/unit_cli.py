"""Verbs of `nodeops backup` that the role calls: this node's credential, and its timer."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from nodeops.backup.credential import ensure_credential
from nodeops.backup.state import Remembered, read_state
from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.command import run
from nodeops.host.lock import changes_host
from nodeops.host.units.service import carry_out, observe, plan_start

UNIT, TIMERS = "nodeops-backup.service", ("nodeops-backup.timer", "nodeops-drill.timer")
_RUN_SECONDS = 4000.0


@changes_host()
def credential(
    limit_upload: Annotated[
        int, typer.Option("--limit-upload", min=0, max=999_999_999, metavar="KIB", help="KiB a second at most; 0: no limit.")
    ] = 0,
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make what opens this node's repository, once, on this host; show only the line by which the repository knows it."""
    node = load_node_document(document)
    made, changes = ensure_credential(node, limit_upload, dry_run=dry_run)
    entry = made.entry if made else ""
    emit(Result({"user": node.node.name, "entry": entry}, lines=[f"{node.node.name}:{entry}"], changes=changes), as_json)


@changes_host()
def start(
    first: Annotated[
        bool, typer.Option("--first", help="Also make a backup now where there is none yet, or the last one failed.")
    ] = False,
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Let the timers make backups and drill them from now on and after a boot; called by the role."""
    node = load_node_document(document)
    changes = [change for timer in TIMERS for change in plan_start(observe(timer))]
    wanted = first and _wants_one(read_state(node))
    if not dry_run:
        carry_out(changes)
        if wanted:
            _run_unit(node)
    if wanted:
        changes.append(Change(f"start {UNIT}", "there is no backup yet, or the last one failed"))
    emit(Result({}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


def _wants_one(remembered: Remembered) -> bool:
    return remembered.last is None or bool(remembered.error)


def _run_unit(node: NodeDocument) -> None:
    """Make a backup as the timer does: by its unit, with its rights. Raise HostError that says why there is none."""
    begun = datetime.now(UTC)
    done = run(["systemctl", "start", UNIT], timeout_seconds=_RUN_SECONDS, allowed_codes=range(256))
    after = read_state(node)
    if done.returncode or after.last is None or after.last.time < begun:
        what = after.error or done.stderr.decode(errors="replace").strip()
        raise HostError(f"made no backup: {what}", where=UNIT, hint=f"journalctl --unit {UNIT} --lines 20")

"""`nodeops backup restore`, and what it needs from people: keys from a custodian, blocks from other members."""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from nodeops.backup.credential import settings_file
from nodeops.backup.restic import Restic
from nodeops.backup.restore.drill import STEPS, Drill
from nodeops.backup.restore.drill import drill as drill_backup
from nodeops.backup.restore.evidence import newest_headers, own_known
from nodeops.backup.restore.keys import read_keys
from nodeops.backup.restore.quarantine import Quarantine
from nodeops.backup.restore.run import Done, Order, Preview, Restore
from nodeops.backup.settings import read_settings
from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, aside, emit, working
from nodeops.core.errors import HostError
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.lock import changes_host, held
from nodeops.ledger.driver import driver_for
from nodeops.ledger.identity.files import layout

PATIENCE_SECONDS = 3600


def _require_root() -> None:
    if os.geteuid() != 0:
        raise HostError("the keys of a node are for root only", where="nodeops backup", hint="run it with sudo")


@changes_host()
def restore(
    snapshot: Annotated[
        str, typer.Option("--snapshot", metavar="ID", help="Which backup, instead of the newest; `none` goes by the chain alone.")
    ] = "",
    because: Annotated[
        str,
        typer.Option("--because", metavar="WORDS", help="Why the key's old holder is known to be dead; kept as a receipt."),
    ] = "",
    witness: Annotated[
        list[Path] | None, typer.Option("--witness", help="An answer of `backup witness --json` of another member's node.")
    ] = None,
    patience: Annotated[
        int, typer.Option("--patience", min=1, max=7 * 86400, help="Seconds for each wait: catching up, silence, the first vote.")
    ] = PATIENCE_SECONDS,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring this validator back with its own key, once nobody else can sign with it.

    Each step is printed before it is done. A run that was interrupted is completed by the next one."""
    _require_root()
    document = load_node_document()
    order = Order(document, partial(_engine, document), snapshot, because, tuple(witness or ()), float(patience))
    work = Restore(order, aside)
    emit(_previewed(work.preview()) if dry_run else _done(document, work.run()), as_json)


def _engine(document: NodeDocument) -> Restic:
    return Restic(read_settings(settings_file(document)))


def _previewed(found: Preview) -> Result:
    lines = [f"would be refused now: {reason}" for reason in found.reasons]
    return Result({"refusals": list(found.reasons)}, lines=lines, changes=found.changes)


def _done(document: NodeDocument, done: Done) -> Result:
    state, overridden = (done.decision.state, done.decision.overridden) if done.decision else (None, ())
    lines = [f"{document.node.name} signs again: block {done.height} is behind it"]
    body = {
        "height": done.height,
        "signing_state": {"height": state.height, "round": state.round, "step": state.step} if state else None,
        "overridden": list(overridden),
    }
    return Result(body, lines=lines, changes=done.changes)


@changes_host()
def receive_keys(
    node_id: Annotated[str, typer.Option("--node-id", metavar="ID", help="By which members know this node.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Take this node's keys from standard input into quarantine: a tar, as a custodian's `age --decrypt` gives it.

    They must be the keys that the genesis names for this node. Nothing can be started with them before `backup restore`."""
    _require_root()
    document = load_node_document()
    files, expected = read_keys(sys.stdin.buffer), own_known(document).own_key
    box = Quarantine(document, layout(document))
    with held(box.at.home):
        box.receive(files, expected, node_id)
        identity = box.identity(expected)
        settings = [Change(str(file), "it opens this node's backups", "absent", "new") for file in box.take_settings(files)]
    change = Change(str(box.folder), "these are the keys that the genesis names", after=f"validator {identity.validator_address}")
    emit(Result(identity.model_dump(mode="json"), changes=[change, *settings]), as_json)


def witness(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Print this node's newest signed blocks, for a member that restores a validator. Public, and proves itself."""
    loaded = load_node_document(document)
    headers = newest_headers(driver_for(loaded))
    body = {"node": loaded.node.name, "organisation": loaded.node.organisation, "headers": headers}
    emit(Result(body, lines=[json.dumps(body)]), as_json)


def drill(
    snapshot: Annotated[str, typer.Option("--snapshot", metavar="ID", help="Which backup, instead of the newest.")] = "",
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Restore a backup into a folder of its own, compare it with the chain, remove it, and write a receipt.

    Exit code 1 when anything is not as it should be."""
    loaded = load_node_document(document)
    if dry_run:
        changes = [Change(step, why) for step, why in STEPS.items()]
        return emit(Result({}, changes=changes), as_json)
    with working("drilling the newest backup"):
        done = drill_backup(loaded, partial(_engine, loaded), snapshot)
    return emit(_drilled(done), as_json)


def _drilled(done: Drill) -> Result:
    body = {
        "snapshot": done.snapshot.id,
        "rto_seconds": done.rto_seconds,
        "rpo_seconds": done.rpo_seconds,
        "files": done.files,
    }
    line = f"snapshot {done.snapshot.id}: back in {done.rto_seconds} s (RTO), {done.rpo_seconds:.0f} s old (RPO)"
    return Result(body, lines=[line], findings=done.findings)

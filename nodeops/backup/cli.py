"""`nodeops backup`: copy this node's small irreplaceable state to its repository, and prove that it can be read there."""

import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from nodeops.backup.policy import Snapshot, Tip, judge_age, may_clear, state_paths, tags
from nodeops.backup.restic import Restic
from nodeops.backup.settings import FILE, read_settings
from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, console, emit
from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result, Table
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.ledger.driver import driver_for

app = typer.Typer(no_args_is_help=True)


@app.callback()
def backup() -> None:
    """Back up this node's small irreplaceable state: signing state, configuration, genesis, node document, nodeops' state."""


def _engine(document: NodeDocument) -> Restic:
    return Restic(read_settings(Path(document.paths["etc"]) / FILE))


def _require_there(paths: Sequence[str]) -> None:
    # restic 0.14 leaves a missing path out with code 0: such a backup would look whole.
    if missing := [path for path in paths if not Path(path).exists()]:
        raise HostError(f"is not there: {', '.join(missing)}", where="backup", hint="run ansible-playbook site.yml, or as root")


def _tip(document: NodeDocument) -> Tip | None:
    try:
        found = driver_for(document).status()
    except NodeopsError:
        return None
    return Tip(found.height, found.block_hash, found.app_hash)


@app.command()
def init(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Make the repository once. `run` never does: one that vanished must be noticed, not begun anew."""
    engine = _engine(load_node_document(document))
    if not dry_run:
        engine.init()
    emit(Result({}, changes=[Change("repository", "made empty; encrypted with RESTIC_PASSWORD")]), as_json)


@app.command()
def run(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Make a backup now, while the node runs. What an interrupted run left is completed by the next one."""
    loaded = load_node_document(document)
    engine, paths = _engine(loaded), state_paths(loaded)
    changes = [Change(f"back up {path}", "class B: small and irreplaceable") for path in paths]
    if dry_run:
        return emit(Result({"paths": paths}, changes=changes), as_json)
    _require_there(paths)
    marks = tags(loaded, _tip(loaded))
    with console(stderr=True).status("backing up"):
        made = engine.backup(paths, loaded.node.name, marks)
    lines = [f"snapshot {made['snapshot_id'][:8]}: {made['total_bytes_processed']} bytes, {made['data_added']} of them new"]
    body = {"snapshot": made["snapshot_id"], "bytes": made["total_bytes_processed"], "added": made["data_added"], "tags": marks}
    return emit(Result({**body, "paths": paths}, lines=lines, changes=changes), as_json)


@app.command(name="list")
def list_snapshots(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """List this node's backups, the oldest first."""
    loaded = load_node_document(document)
    found = _engine(loaded).snapshots(loaded.node.name)
    rows = [[one.id, f"{one.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}", *_shown(one)] for one in found]
    table = Table(["snapshot", "time (UTC)", "height", "class", "revision"], rows)
    emit(Result({"snapshots": [_as_data(one) for one in found]}, tables=[table]), as_json)


def _shown(one: Snapshot) -> list[str]:
    return [one.tags.get(name, "-") for name in ("height", "class", "revision")]


def _as_data(one: Snapshot) -> dict[str, object]:
    return {"id": one.id, "time": one.time.isoformat(), "tags": one.tags, "paths": list(one.paths)}


@app.command()
def verify(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Read every byte of the repository back and check it. Exit code 1 when anything is damaged."""
    loaded = load_node_document(document)
    engine = _engine(loaded)
    host = socket.gethostname()
    with console(stderr=True).status("reading the repository back"):
        if may_clear(engine.locks(host), host):
            engine.clear_stale_locks()
        damage = engine.check()
    verdict = Verdict.FAIL if damage else Verdict.PASS
    hint = "keep the repository as it is, begin another one, and find out what wrote to it"
    actual = damage or "every byte read back is what was written"
    emit(Result({}, findings=[Finding("backup.integrity", verdict, "no damage", actual, hint)]), as_json)


@app.command()
def status(
    max_age: Annotated[float, typer.Option("--max-age", min=0.1, metavar="HOURS", help="How old the newest may be.")] = 26.0,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge the age of the newest backup. Exit code 1 when it is too old, from the future, or missing."""
    loaded = load_node_document(document)
    found = _engine(loaded).snapshots(loaded.node.name)
    emit(Result({"count": len(found)}, findings=[judge_age(found, datetime.now(UTC), timedelta(hours=max_age))]), as_json)

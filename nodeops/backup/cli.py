"""`nodeops backup`: copy this node's small irreplaceable state to its repository, and prove that it can be read there."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from nodeops.backup.credential import settings_file
from nodeops.backup.custody import archive_file, intact, read_note
from nodeops.backup.drilled import last_drill
from nodeops.backup.forget.cli import forget
from nodeops.backup.keys_cli import keys, open_keys
from nodeops.backup.policy import (
    KEYS,
    MOST_HOURS,
    Last,
    Snapshot,
    Tip,
    judge_age,
    judge_history,
    judge_place,
    left_out,
    may_clear,
    state_paths,
    tags,
)
from nodeops.backup.restic import Restic
from nodeops.backup.restore.cli import drill, receive_keys, restore, witness
from nodeops.backup.settings import read_settings
from nodeops.backup.standing import standing
from nodeops.backup.state import Remembered, read_state, write_state
from nodeops.backup.unit_cli import credential, start
from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit, finite, working
from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result, Table
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.ledger.driver import driver_for

app = typer.Typer(no_args_is_help=True)
app.command("credential")(credential)
app.command("keys")(keys)
app.command("open-keys")(open_keys)
app.command("forget")(forget)
app.command("start")(start)
app.command("restore")(restore)
app.command("receive-keys")(receive_keys)
app.command("witness")(witness)
app.command("drill")(drill)


@app.callback()
def backup() -> None:
    """Back up this node's small irreplaceable state: signing state, configuration, genesis, node document, nodeops' state."""


def _engine(document: NodeDocument) -> Restic:
    return Restic(read_settings(settings_file(document)))


def _require_there(paths: Sequence[str]) -> None:
    # restic 0.14 leaves a missing path out with code 0: such a backup would look whole.
    if missing := [path for path in paths if not Path(path).exists()]:
        raise HostError(f"is not there: {', '.join(missing)}", where="backup", hint="run ansible-playbook site.yml, or as root")
    if links := [path for path in paths if Path(path).is_symlink()]:
        hint = "put there what it leads to; a folder of another disk is mounted there, not linked"
        raise HostError(f"is a link, and a backup would hold nothing else: {', '.join(links)}", where="backup", hint=hint)


def _tip(document: NodeDocument) -> Tip | None:
    try:
        found = driver_for(document).status()
    except NodeopsError:
        return None
    return Tip(found.height, found.block_hash, found.app_hash)


@app.command()
def init(
    ensure: Annotated[
        bool, typer.Option("--ensure", help="Do nothing where this host has seen its repository before; called by its unit.")
    ] = False,
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make the repository once. `run` never does: one that vanished must be noticed, not begun anew."""
    loaded = load_node_document(document)
    with _remembering(loaded):
        changes = _begin(loaded, ensure, dry_run)
    emit(Result({}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


@app.command()
def run(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Make a backup now, while the node runs. What an interrupted run left is completed by the next one."""
    loaded = load_node_document(document)
    engine, paths = _engine(loaded), state_paths(loaded)
    changes = [Change(f"back up {path}", "class B: small and irreplaceable") for path in paths]
    if dry_run:
        return emit(Result({"paths": paths}, changes=changes), as_json)
    marks = tags(loaded, _tip(loaded))
    with working("backing up"):
        last = _made(loaded, lambda: engine.backup(paths, loaded.node.name, marks, left_out(loaded)), paths)
        kept = _keep_keys(loaded, engine)
    lines = [f"snapshot {last.snapshot}: {last.bytes} bytes, {last.added} of them new, in {last.seconds:.1f} s"]
    lines += [f"snapshot {kept}: the encrypted archive of the keys"] if kept else []
    body = {
        "snapshot": last.snapshot,
        "keys": kept,
        "bytes": last.bytes,
        "added": last.added,
        "seconds": last.seconds,
        "tags": marks,
    }
    return emit(Result({**body, "paths": paths}, lines=lines, changes=changes), as_json)


def _keep_keys(document: NodeDocument, engine: Restic) -> str:
    """Bring the archive of the keys to the repository once, as it is: encrypted to people. Return its snapshot, "" for none."""
    note = read_note(document)
    if note is None or not intact(document, note):
        return ""
    known = {one.tags.get("archive") for one in engine.snapshots(document.node.name, KEYS)}
    if note.sha256[:16] in known:
        return ""
    marks = {**tags(document, None), "class": KEYS, "archive": note.sha256[:16]}
    with _remembering(document):
        return str(engine.backup([str(archive_file(document))], document.node.name, marks)["snapshot_id"][:8])


def _begin(document: NodeDocument, ensure: bool, dry_run: bool) -> list[Change]:
    engine, before = _engine(document), read_state(document)
    if ensure and before.begun:
        return []
    new = not (ensure and engine.exists())
    if new and not dry_run:
        engine.init()
    if not dry_run:
        write_state(document, replace(before, begun=True))
    return [Change("repository", "made empty; encrypted with RESTIC_PASSWORD")] if new else []


@contextmanager
def _remembering(document: NodeDocument) -> Iterator[None]:
    """Remember what went wrong, for whoever asks this host later; it is raised all the same."""
    tried = datetime.now(UTC)
    try:
        yield
    except NodeopsError as error:
        write_state(document, replace(read_state(document), tried=tried, error=f"{error.where}: {error.what}"))
        raise


def _made(document: NodeDocument, make: Callable[[], Mapping[str, Any]], paths: Sequence[str]) -> Last:
    """Make a backup and remember how it ended. Raise what went wrong."""
    begun, tried = time.monotonic(), datetime.now(UTC)
    with _remembering(document):
        _require_there(paths)
        said = make()
    size, added = said["total_bytes_processed"], said["data_added"]
    last = Last(said["snapshot_id"][:8], datetime.now(UTC), size, added, round(time.monotonic() - begun, 1))
    write_state(document, Remembered(last, tried, "", begun=True))
    return last


@app.command(name="list")
def list_snapshots(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """List this node's backups, the oldest first."""
    loaded = load_node_document(document)
    found = _engine(loaded).snapshots(loaded.node.name, None)
    rows = [[one.id, f"{one.time:%Y-%m-%d %H:%M:%S}", *_shown(one)] for one in found]
    table = Table(["snapshot", "time (UTC)", "height", "class", "revision"], rows)
    emit(Result({"snapshots": [_as_data(one) for one in found]}, tables=[table]), as_json)


def _shown(one: Snapshot) -> list[str]:
    return [one.tags.get(name, "-") for name in ("height", "class", "revision")]


def _as_data(one: Snapshot) -> dict[str, object]:
    return {"id": one.id, "time": one.time.isoformat(), "tags": one.tags, "paths": list(one.paths)}


@app.command()
def show(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show what this host remembers of its backups, without asking the repository. Exit code 1 when the newest is too old."""
    loaded = load_node_document(document)
    remembered, (word, finding) = read_state(loaded), standing(loaded)
    last = remembered.last
    lines = [f"{last.snapshot} of {last.time:%Y-%m-%d %H:%M:%S} UTC: {last.bytes} bytes, in {last.seconds:.1f} s"] if last else []
    body = {"last": {**vars(last), "time": last.time.isoformat()} if last else None, "error": remembered.error, "standing": word}
    emit(Result(body, lines=lines, findings=[finding]), as_json)


@app.command()
def verify(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Read every byte of the repository back and check it. Exit code 1 when anything is damaged."""
    loaded = load_node_document(document)
    engine = _engine(loaded)
    host = socket.gethostname()
    with working("reading the repository back"):
        if may_clear(engine.locks(host), host):
            engine.clear_stale_locks()
        damage = engine.check()
    verdict = Verdict.FAIL if damage else Verdict.PASS
    hint = "keep the repository as it is, begin another one, and find out what wrote to it"
    actual = damage or "every byte read back is what was written"
    emit(Result({}, findings=[Finding("backup.integrity", verdict, "no damage", actual, hint)]), as_json)


@app.command()
def status(
    max_age: Annotated[
        float, typer.Option("--max-age", min=0.1, max=87600, callback=finite, metavar="HOURS", help="How old the newest may be.")
    ] = MOST_HOURS,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask the repository for this node's backups, and judge them. Exit code 1 when the newest is too old, from the future,
    missing, or not the one that this host made last.
    """
    loaded = load_node_document(document)
    settings = read_settings(settings_file(loaded))
    last, found = read_state(loaded).last, Restic(settings).snapshots(loaded.node.name)
    place, age = settings["RESTIC_REPOSITORY"], timedelta(hours=max_age)
    judged = [judge_place(place), judge_age(found, datetime.now(UTC), age), judge_history(found, last)]
    newest = found[-1].time.isoformat() if found else None
    body = {
        "count": len(found),
        "newest": newest,
        "bytes": last.bytes if last else None,
        "seconds": last.seconds if last else None,
    }
    emit(Result({**body, "drill": last_drill(loaded)}, findings=judged), as_json)

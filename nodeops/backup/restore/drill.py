"""Restore the newest backup into a scratch folder, open what is in it, compare it with the chain, and write down how it went."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from nodeops.backup.custody import intact, read_note
from nodeops.backup.policy import Snapshot, height_of, state_paths
from nodeops.backup.restic import Restic
from nodeops.backup.restore import receipt
from nodeops.backup.restore.drill_rules import Drilled, doubts, judge, lacking_seconds, require_room
from nodeops.backup.restore.evidence import known
from nodeops.backup.restore.plan import Block, Mark
from nodeops.backup.restore.proof import proven
from nodeops.backup.restore.quarantine import mark_of
from nodeops.backup.restore.run import chosen
from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.finding import Finding, failed
from nodeops.document.models import NodeDocument
from nodeops.host.lock import held
from nodeops.host.usage import filesystems
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.founding.genesis import content_digest

_FOLDER_MODE = 0o700
STEPS = {
    "make room": "what a drill that was killed left is removed, and there is space for another",
    "restore": "the newest backup comes into a folder of its own, and every byte is compared",
    "open": "the signing state parses, the genesis is that of this host",
    "compare": "keys are sealed, block and application of the backup are those that other organisations signed",
    "write down": "the receipt says how it went, how long it took and how old the backup is",
    "clean up": "the folder is emptied",
}


@dataclass(frozen=True)
class Drill:
    """How a drill went: the snapshot, seconds it took to have it back (RTO), seconds of work that it lacks (RPO)."""

    snapshot: Snapshot
    rto_seconds: float
    rpo_seconds: float
    files: dict[str, str]
    findings: Sequence[Finding]


def drill(document: NodeDocument, engine: Callable[[], Restic], snapshot: str = "") -> Drill:
    """Drill one snapshot, "" for the newest, and write down how it went, also when it comes to no end.

    Raise Refused when there is no room, and as the engine does when it cannot be read. Refused too while another drill is at
    work: that one writes down how it went, and nothing was tried here.
    """
    scratch = Path(document.paths["backup_scratch"])
    with _failure_written_down(document, snapshot):
        _make(scratch)
    with held(scratch), _failure_written_down(document, snapshot):
        done = _restored(document, engine(), snapshot, scratch)
        _write_down(document, done)
    return done


@contextmanager
def _failure_written_down(document: NodeDocument, snapshot: str) -> Iterator[None]:
    """Write down whatever ends a drill before its end, and raise it: else the last good one stands as if nobody had tried."""
    try:
        yield
    except BaseException as error:
        # Why it ended is told all the same, also to whoever may not write here.
        with suppress(NodeopsError, OSError):
            receipt.drilled(document, snapshot or "newest", 0, f"failed: {_words(error)}", passed=False)
        raise


def _words(error: BaseException) -> str:
    if isinstance(error, NodeopsError):
        return f"{error.where}: {error.what}" if error.where else error.what
    return f"{type(error).__name__}: {error}"


def _make(scratch: Path) -> None:
    try:
        scratch.mkdir(_FOLDER_MODE, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(scratch), hint="run with sudo") from error


def _restored(document: NodeDocument, engine: Restic, snapshot: str, scratch: Path) -> Drill:
    _empty(scratch)
    there, tip = engine.snapshots(document.node.name), driver_for(document).status().height
    found = chosen(there, snapshot, document.node.name, tip)
    doubted = list(doubts(there, found, tip, datetime.now(UTC))) if not snapshot else []
    space = filesystems([scratch])[0]
    require_room(engine.restore_size(found.id), space.free, document.limits.min_free_bytes, space.mount)
    try:
        return _drilled(document, engine, found, scratch, doubted)
    finally:
        _empty(scratch)


def _empty(scratch: Path) -> None:
    """Remove what is in the folder. The folder stays: a unit that may write nowhere else could not make it again."""
    for left in scratch.iterdir():
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def _drilled(document: NodeDocument, engine: Restic, snapshot: Snapshot, scratch: Path, doubted: Sequence[str]) -> Drill:
    began = time.monotonic()
    engine.restore(snapshot.id, scratch)
    took = round(time.monotonic() - began, 2)
    files = held_files(scratch)
    found = replace(_found(document, snapshot, scratch, files), doubted=doubted)
    return Drill(snapshot, took, lacking_seconds(found, datetime.now(UTC)), files, list(judge(found)))


def held_files(scratch: Path) -> dict[str, str]:
    """Return the digests of the files that a restored backup holds, by path, without links, which are removed.

    A link leads to what is live on this host: where that is gone, the backup would have brought nothing back.
    """
    for path in [one for one in scratch.rglob("*") if one.is_symlink()]:
        path.unlink()
    return {f"/{path.relative_to(scratch)}": _digest(path) for path in sorted(scratch.rglob("*")) if path.is_file()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _found(document: NodeDocument, snapshot: Snapshot, scratch: Path, files: dict[str, str]) -> Drilled:
    driver, paths = driver_for(document), document.ledger.paths
    genesis = scratch / paths["genesis"].lstrip("/")
    same = genesis.is_file() and content_digest(genesis.read_bytes()) == content_digest(Path(paths["genesis"]).read_bytes())
    height = height_of(snapshot.tags.get("height", "0"))
    block, app_hash = _proven(document, driver, height)
    return Drilled(
        organisation=document.node.organisation,
        wanted=state_paths(document),
        files=files,
        tags=snapshot.tags,
        claimed=snapshot.time,
        state=_state(scratch / paths["validator_state"].lstrip("/")),
        same_genesis=same,
        tip=driver.status().height,
        block=block,
        app_hash=app_hash,
        keys=_keys(document),
        others=len(set(known(document).organisations.values()) - {document.node.organisation}),
    )


def _keys(document: NodeDocument) -> str:
    note = read_note(document)
    if note is None:
        return "none"
    if not intact(document, note):
        return "changed, or gone"
    own = known(document).own_key
    return "intact" if own in ("", note.identity["validator_key"]["value"]) else "of another identity"


def _state(path: Path) -> Mark | None:
    try:
        return mark_of(path.read_bytes(), str(path))
    except (OSError, NodeopsError):
        return None


def _proven(document: NodeDocument, driver: Driver, height: int) -> tuple[Block | None, str | None]:
    """Return the proven block of a height, and the application's state before it, which its header carries: what a node says of
    its newest block, and so what a backup was marked with.

    Who signed the next one vouches for this one too: in a single commit a vote may be missing that came late.
    """
    facts, seen = known(document), driver.status()
    if not max(1, seen.earliest_height) <= height < seen.height:
        return None, None
    here, after = driver.signed_header(height), driver.signed_header(height + 1)
    block = proven(here, height, facts.prove, facts.organisations, facts.own_address)
    later = proven(after, height + 1, facts.prove, facts.organisations, facts.own_address)
    if str(after["header"]["last_block_id"]["hash"]).upper() == block.hash:
        block = replace(block, signers=block.signers | later.signers)
    return block, str(here["header"]["app_hash"]).upper()


def _write_down(document: NodeDocument, done: Drill) -> None:
    passed = not failed(done.findings)
    bad = ", ".join(one.id for one in done.findings if one.verdict == "fail")
    note = f"{'passed' if passed else f'failed: {bad}'}; back in {done.rto_seconds} s, {done.rpo_seconds:.0f} s old"
    receipt.drilled(document, done.snapshot.id, max(0, height_of(done.snapshot.tags.get("height", "0"))), note, passed)

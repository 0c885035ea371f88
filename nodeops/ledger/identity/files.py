"""The files of an identity on this host: look at them, make them once, put them in place so that no interruption harms."""

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host.command import run
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.lock import held
from nodeops.ledger.identity.identity import (
    MAX_FILE_BYTES,
    Identity,
    address_of,
    parse_node_key,
    parse_signing_state,
    parse_validator_key,
)
from nodeops.ledger.identity.plan import MAKING, READY, RESTORING, Prepared, Seen, State, Step, decide, makes_record_key
from nodeops.ledger.identity.record_key import RECORD_KEY_MODE, made_record_key, parse_record_key, public_part

# The ledger's binary makes three small files; it took 0.05 s when measured.
_INIT_SECONDS = 60.0
# What CometBFT keeps beside the signing state once it has run (node/node.go, consensus/wal.go).
_BLOCKS = ("blockstore.db", "state.db", "cs.wal")
FILE_MODE, FOLDER_MODE = 0o600, 0o700
_ROOT = (0, 0)


@dataclass(frozen=True)
class Layout:
    """Where the parts of an identity are and who owns them; owners are (uid, gid). `record_key`: where a ledger has authors."""

    keys: Path
    node_key: Path
    validator_key: Path
    data: Path
    state: Path
    user: tuple[int, int]
    root: tuple[int, int] = _ROOT
    record_key: Path | None = None

    @property
    def home(self) -> Path:
        """Return the folder in which the key folder is, and in which keys are made."""
        return self.keys.parent

    @property
    def ready(self) -> Path:
        """Return the folder that holds made keys until they are in place."""
        return self.home / READY


def layout(document: NodeDocument) -> Layout:
    """Return where the identity of this host belongs. Raise HostError when the ledger's user does not exist."""
    paths, user = document.ledger.paths, document.ledger.user
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise HostError(f"there is no user '{user}'", where=document.node.name, hint="run ansible-playbook site.yml") from error
    return Layout(
        keys=Path(paths["keys"]),
        node_key=Path(paths["node_key"]),
        validator_key=Path(paths["validator_key"]),
        data=Path(paths["data"]),
        state=Path(paths["validator_state"]),
        user=(entry.pw_uid, entry.pw_gid),
        record_key=record_key_file(document),
    )


def record_key_file(document: NodeDocument) -> Path | None:
    """Return where the key is that this node signs its records with, None where its ledger has no authors."""
    path = document.ledger.paths.get("record_key")
    return Path(path) if path else None


@contextmanager
def clear_errors(where: Path) -> Iterator[None]:
    """Turn what the system says of a file into a HostError that names it and what to do."""
    try:
        yield
    except PermissionError as error:
        raise HostError("may not be used by this user", where=str(error.filename or where), hint="run as root") from error
    except OSError as error:
        raise HostError(f"failed: {error.strerror}", where=str(error.filename or where)) from error


def read_small(path: Path) -> bytes:
    """Return a small regular file, never following a link: some of these folders belong to the ledger, not to root.

    Raise HostError when it is something else or cannot be read.
    """
    with clear_errors(path):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise HostError("is not a regular file", where=str(path))
            return file.read(MAX_FILE_BYTES + 1)


def shred(file: Path) -> None:
    """Overwrite a small file once and remove it. What a disk or filesystem keeps of the old blocks is beyond reach."""
    with clear_errors(file):
        handle = os.open(file, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.write(handle, os.urandom(os.fstat(handle).st_size))
            os.fsync(handle)
        finally:
            os.close(handle)
        file.unlink()
        sync_folder(file.parent)


def observe(at: Layout) -> Seen:
    """Return what is there of the identity. Raise HostError when it may not be looked at, or is damaged."""
    with clear_errors(at.home):
        held_here = {entry.name for entry in at.keys.iterdir()} if os.path.lexists(at.keys) else set()
        blocks = any(os.path.lexists(at.data / name) for name in _BLOCKS)
        prepared = _prepared(at) if os.path.lexists(at.ready) else None
    own = {file.name for file in (at.node_key, at.validator_key, at.record_key) if file}
    return Seen(
        node_key=at.node_key.name in held_here,
        validator_key=at.validator_key.name in held_here,
        state=_state(at.state),
        record_key=at.record_key.name in held_here if at.record_key else None,
        blocks=blocks,
        strangers=tuple(sorted(held_here - own)),
        prepared=prepared,
        restoring=os.path.lexists(at.home / RESTORING),
    )


def _prepared(at: Layout) -> Prepared:
    both = all((at.ready / file.name).is_file() for file in (at.node_key, at.validator_key))
    return Prepared(keys=both, state=_state(at.ready / at.state.name))


def _state(path: Path) -> State:
    if not os.path.lexists(path):
        return State.ABSENT
    return State.UNUSED if parse_signing_state(read_small(path), str(path)).unused else State.USED


def read_identity(at: Layout, node: str, organisation: str) -> Identity:
    """Return the public identity that the keys in place say. Raise HostError when they are damaged."""
    key = parse_validator_key(read_small(at.validator_key), str(at.validator_key))
    return Identity(
        node=node,
        organisation=organisation,
        node_id=parse_node_key(read_small(at.node_key), str(at.node_key)),
        validator_key=key,
        validator_address=address_of(key.value),
        record_key=_record_key(at),
    )


def _record_key(at: Layout) -> str | None:
    if at.record_key is None or not os.path.lexists(at.record_key):
        return None
    return public_part(parse_record_key(read_small(at.record_key), str(at.record_key)))


def replace_record_key(at: Layout, old: str, *, dry_run: bool = False) -> list[Change]:
    """Make another key for records where the public part of the one here is `old`, and return what changed.

    A run that was killed leaves one of both, whole.
    """
    if at.record_key is None or _record_key(at) != old:
        return []
    if not dry_run:
        with held(at.home), clear_errors(at.home):
            write_atomic(at.record_key, made_record_key(), RECORD_KEY_MODE, at.root)
    return [Change(str(at.record_key), "members agreed that the one before counts no more", old, "another record key")]


def ensure(at: Layout, binary: Path, *, published: str = "", dry_run: bool = False) -> list[Change]:
    """Make the identity when there is none, finish one that was interrupted, and return what changed.

    `published` is by what members know this node already, "" when they do not. Raise Refused for a state
    that is not provably safe, HostError when the binary or the disk fails.
    """
    if dry_run:
        seen = observe(at)
        return _changes(at, decide(seen, str(at.keys), str(at.data), published), makes_record_key(seen, published))
    with held(at.home), clear_errors(at.home):
        seen = observe(at)
        step, record_key = decide(seen, str(at.keys), str(at.data), published), makes_record_key(seen, published)
        for left in at.home.glob(f"{MAKING}*"):
            shutil.rmtree(left)
        if step is Step.CREATE:
            _create(at, binary)
        if step is not Step.NOTHING:
            _put_in_place(at)
        if record_key and at.record_key:
            for left in at.keys.glob(f".{at.record_key.name}.*"):
                left.unlink()
            write_atomic(at.record_key, made_record_key(), RECORD_KEY_MODE, at.root)
    return _changes(at, step, record_key)


def _changes(at: Layout, step: Step, record_key: bool) -> list[Change]:
    whys = {Step.CREATE: "this node had no identity", Step.FINISH: "the making of this node's identity was interrupted"}
    made = [Change(str(at.keys), whys[step], after="node key, validator key and signing state")] if step in whys else []
    own = [Change(str(at.record_key), "this node had no key to sign records with", after="record key")] if record_key else []
    return made + own


def _create(at: Layout, binary: Path) -> None:
    """Let the ledger's own binary make the files in a folder only root can enter, and rename them to READY as a whole."""
    if not binary.is_file():
        raise HostError("the ledger's binary is not installed", where=str(binary), hint="run ansible-playbook site.yml")
    making = Path(tempfile.mkdtemp(prefix=MAKING, dir=at.home))
    try:
        # An empty environment: CometBFT would take any CMT_* variable as a setting.
        run([binary, "init", "--home", making / "init"], timeout_seconds=_INIT_SECONDS, cwd=making, environment={})
        whole = making / "whole"
        whole.mkdir(FOLDER_MODE)
        os.chown(whole, *at.root)
        for made in (*(making / "init/config" / file.name for file in (at.node_key, at.validator_key)), _made_state(at, making)):
            _take(made, whole / made.name, at.root)
        _check(at, whole)
        sync_folder(whole)
        whole.rename(at.ready)
        sync_folder(at.home)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _made_state(at: Layout, making: Path) -> Path:
    return making / "init/data" / at.state.name


def _take(source: Path, target: Path, owner: tuple[int, int]) -> None:
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fchmod(handle, FILE_MODE)
        os.fchown(handle, *owner)
        os.fsync(handle)
    finally:
        os.close(handle)
    source.rename(target)


def _check(at: Layout, folder: Path) -> None:
    """Raise HostError when what the binary made is not a whole, unused identity."""
    for file, parse in ((at.node_key, parse_node_key), (at.validator_key, parse_validator_key)):
        parse(read_small(folder / file.name), str(file))
    if _state(folder / at.state.name) is not State.UNUSED:
        raise HostError("the ledger's binary did not make an unused signing state", where=str(at.state))


def _put_in_place(at: Layout) -> None:
    """Signing state first, keys last and at once: a ledger without keys cannot sign."""
    state = at.ready / at.state.name
    at.data.mkdir(FOLDER_MODE, exist_ok=True)
    os.chown(at.data, *at.user, follow_symlinks=False)
    at.data.chmod(FOLDER_MODE)
    sync_folder(at.home)
    if state.exists():
        for left in at.data.glob(f".{at.state.name}.*"):
            left.unlink()
        write_atomic(at.state, read_small(state), FILE_MODE, at.user)
        state.unlink()
        sync_folder(at.ready)
    at.ready.rename(at.keys)
    sync_folder(at.home)

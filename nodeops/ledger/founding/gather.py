"""Gather the public identities of managed nodes into the inventory folder on the controller, and make the genesis once."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nodeops.core.errors import InputError
from nodeops.core.printable import printable
from nodeops.document.inventory import GENESIS_FILE
from nodeops.document.load import Source, plain, read_source
from nodeops.document.models import Consortium
from nodeops.host.files import write_atomic
from nodeops.host.lock import held
from nodeops.ledger.founding.gather_models import IDENTITIES, Folder, Gathered, Situation
from nodeops.ledger.founding.gather_plan import plan
from nodeops.ledger.founding.genesis import MAX_GENESIS_BYTES
from nodeops.ledger.founding.genesis_models import Genesis, PublishedIdentity

# A YAML reader that knows the lines takes minutes for the largest genesis; that of a hundred validators is smaller than this.
_LOCATED_BYTES = 128 << 10
# A published identity is about 500 bytes.
_MAX_IDENTITY_BYTES = 65_536
_PUBLIC_FILE = 0o644


def gather(
    folder: Path,
    consortium: Consortium,
    observed: Mapping[str, Mapping[str, Any]],
    managed: Sequence[str],
    *,
    dry_run: bool = False,
    genesis_time: str | None = None,
    found: bool = False,
    agreed: str | None = None,
) -> Gathered:
    """Publish what managed hosts showed, make the genesis when it may be made, and return what is known of all members.

    `observed` is each host's answer to `nodeops ledger identity --json`; a host without an answer is left out.
    `genesis_time` (UTC, RFC 3339) is this machine's clock when not given. Files that exist are never rewritten.
    `agreed` is the SHA-256 of the only genesis that will do. Raise InputError or Refused before anything is written.
    """
    _refuse_nonsense(consortium, observed, managed)
    with held(folder):
        at = Situation(
            consortium, read_folder(folder), observed, tuple(managed), genesis_time or _now(), found, agreed, not dry_run
        )
        gathered = plan(at)
        if not dry_run:
            _write(folder, gathered.files)
    return gathered


def _refuse_nonsense(consortium: Consortium, observed: Mapping[str, Any], managed: Sequence[str]) -> None:
    unknown = sorted(set(managed) - set(consortium.nodes))
    if unknown:
        raise InputError(f"unknown nodes: {', '.join(unknown)}", where="managed", allowed=", ".join(consortium.nodes))
    for name in managed:
        if observed.get(name) and not isinstance(observed[name], Mapping):
            raise InputError(
                "the host did not answer with an object", where=name, hint="run nodeops ledger identity --json there"
            )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write identities first and the genesis last: an interrupted run is completed by the next one."""
    for name in sorted(files, key=lambda path: (path == GENESIS_FILE, path)):
        (folder / name).parent.mkdir(exist_ok=True)
        write_atomic(folder / name, files[name].encode(), _PUBLIC_FILE)


def read_folder(folder: Path) -> Folder:
    """Return the published identities and the genesis of an inventory folder. Raise InputError, with lines, for damage."""
    files = sorted((folder / IDENTITIES).glob("*.yml"))
    published = {file.stem: _read_identity(file) for file in files}
    genesis, text = _read_genesis(folder / GENESIS_FILE)
    return Folder(str(folder), published, genesis, text)


def _read_identity(file: Path) -> PublishedIdentity:
    if file.stat().st_size > _MAX_IDENTITY_BYTES:
        raise InputError("is far too large to be an identity", where=str(file))
    source = read_source(file)
    tree = source.tree
    if not isinstance(tree, dict):
        raise InputError("is not an identity", where=f"{file}:1", allowed=", ".join(PublishedIdentity.model_fields))
    try:
        identity = PublishedIdentity.model_validate(plain(tree))
    except ValidationError as error:
        hint = "get the file again from the organisation that published it; do not edit it"
        raise _located(source, error, hint) from error
    if identity.node != file.stem:
        raise InputError(f"is the identity of {identity.node}: the file's name is another", where=source.where(["node"]))
    return identity


def _located(source: Source, error: ValidationError, hint: str) -> InputError:
    item = error.errors()[0]
    path = ".".join(str(step) for step in item["loc"])
    text = f"{path}: {item['msg'].removeprefix('Value error, ')}" if path else item["msg"].removeprefix("Value error, ")
    return InputError(text, where=source.where(item["loc"]), hint=hint)


def _once(file: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raise InputError for a key that stands twice: two readers would read two genesis files."""
    twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if twice:
        text, hint = f"the key {printable(twice[0], 60)!r} stands twice", "get genesis.json from another member; never edit it"
        raise InputError(text, where=str(file), hint=hint)
    return dict(pairs)


def _read_genesis(file: Path) -> tuple[Genesis | None, str | None]:
    """Return the genesis and its exact text: hosts must get the very bytes that were agreed upon."""
    hint = "get genesis.json from another member; never edit it"
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None, None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file)) from error
    if len(data) > MAX_GENESIS_BYTES:
        raise InputError("is far too large to be a genesis", where=str(file), hint=hint)
    try:
        text = data.decode("utf-8")
        return Genesis.model_validate(json.loads(text, object_pairs_hook=partial(_once, file))), text
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error.msg}", where=f"{file}:{error.lineno}", hint=hint) from error
    except ValidationError as error:
        if len(data) > _LOCATED_BYTES:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            raise InputError(f"is not a genesis: {printable(place)}", where=str(file), hint=hint) from error
        raise _located(read_source(file), error, hint) from error
    except (ValueError, RecursionError) as error:
        raise InputError("is not a genesis", where=str(file), hint=hint) from error

"""Class A: keys and what opens the backups, encrypted with age to the admins of the organisation, and written once.

What is not encrypted is never on a disk and never an argument: it goes from memory into age's standard input.
"""

import io
import json
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from nodeops.backup.credential import settings_file
from nodeops.backup.custody_rules import recipients
from nodeops.core.digest import digest, sha256
from nodeops.core.errors import HostError
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host.command import run
from nodeops.host.files import write_atomic
from nodeops.ledger.identity.files import Layout, read_identity, record_key_file
from nodeops.ledger.identity.identity import Identity

ARCHIVE, NOTE = "custody.age", "custody.json"
_SECONDS = 30.0
_PRIVATE = 0o600
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Note:
    """What stands beside the archive: whose keys it holds, for whom it is encrypted, what it must be, when it was made (UTC)."""

    identity: dict[str, Any]
    recipients: list[str]
    inputs: str
    sha256: str
    made: str


def archive_file(document: NodeDocument) -> Path:
    """Return where the archive is."""
    return Path(document.paths["backup_state"]) / ARCHIVE


def own_identity(document: NodeDocument) -> Identity:
    """Return the public identity that the keys on this host say. Raise HostError when they are missing or damaged."""
    return read_identity(_layout(document), document.node.name, document.node.organisation)


def ensure_archive(document: NodeDocument, *, dry_run: bool) -> list[Change]:
    """Make the archive where there is none of these keys, for these admins. Raise InputError for fewer than two of them."""
    identity, people = own_identity(document), recipients(document)
    contents = _contents(document)
    inputs = digest({"for": people, "of": {name: sha256(data) for name, data in contents.items()}})
    note = read_note(document)
    if note is not None and note.inputs == inputs and intact(document, note):
        return []
    file = archive_file(document)
    if not dry_run:
        sealed = _sealed(contents, people)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        new = Note(identity.model_dump(mode="json"), people, inputs, sha256(sealed), made)
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomic(file, sealed, _PRIVATE)
        write_atomic(file.with_name(NOTE), json.dumps(vars(new)).encode() + b"\n", _PRIVATE)
    why = f"keys and what opens the backups, encrypted for {len(people)} admins"
    return [Change(str(file), why, "another" if note else "", "new")]


def read_note(document: NodeDocument) -> Note | None:
    """Return what is known of the archive, None without one. Raise HostError for a note that is damaged."""
    file = archive_file(document).with_name(NOTE)
    try:
        return Note(**json.loads(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        hint = "remove it, then run nodeops backup keys --ensure"
        raise HostError("cannot be read, or is damaged", where=str(file), hint=hint) from error


def intact(document: NodeDocument, note: Note) -> bool:
    """Tell whether the archive is there, byte for byte as it was written."""
    try:
        return sha256(archive_file(document).read_bytes()) == note.sha256
    except FileNotFoundError:
        return False


def _layout(document: NodeDocument) -> Layout:
    paths = {name: Path(path) for name, path in document.ledger.paths.items()}
    state = paths["validator_state"]
    named = paths["keys"], paths["node_key"], paths["validator_key"], paths["data"], state
    return Layout(*named, user=(0, 0), record_key=record_key_file(document))


def _contents(document: NodeDocument) -> dict[str, bytes]:
    """Return the files of the archive by the path where a restored host needs them."""
    named = [document.ledger.paths["node_key"], document.ledger.paths["validator_key"]]
    record_key = record_key_file(document)
    opening = [*([record_key] if record_key else []), settings_file(document), Path(document.paths["backup_certificate"])]
    files = [*map(Path, named), *(file for file in opening if file.exists())]
    found = {str(file): file.read_bytes() for file in files}
    if sum(map(len, found.values())) > _MOST_BYTES:
        raise HostError("keys and settings are larger than keys and settings can be", where=str(files[0].parent))
    return found


def _sealed(contents: dict[str, bytes], people: list[str]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for path, data in contents.items():
            entry = tarfile.TarInfo(str(PurePath(path).relative_to("/")))
            entry.size, entry.mode = len(data), _PRIVATE
            tar.addfile(entry, io.BytesIO(data))
    argv = ["age", "--encrypt", "--armor", *(word for person in people for word in ("--recipient", person))]
    return run(argv, timeout_seconds=_SECONDS, stdin=plain.getvalue()).stdout

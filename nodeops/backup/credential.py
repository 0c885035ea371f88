"""What opens a node's repository: made on the host, kept in one file for root alone, and known elsewhere by a digest only."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from nodeops.backup.settings import FILE, read_settings
from nodeops.core.errors import InputError
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host.files import write_atomic

_BYTES = 32
_MODE = 0o600


@dataclass(frozen=True)
class Credential:
    """A node's settings, and the line by which its repository knows it."""

    settings: dict[str, str]
    entry: str


def settings_file(document: NodeDocument) -> Path:
    """Return where the settings are."""
    return Path(document.paths["etc"]) / FILE


def ensure_credential(document: NodeDocument, limit_upload: int, *, dry_run: bool) -> tuple[Credential | None, list[Change]]:
    """Make what opens the repository of this node's organisation; keep its passwords where they are made already.

    Raise InputError when there is no such repository, or when the settings speak of another one. `limit_upload` is KiB in a
    second, 0 for no limit.
    """
    file = settings_file(document)
    old = read_settings(file) if file.exists() else {}
    if old and not _is_ours(document, old):
        what = "speaks of another repository than the consortium file"
        raise InputError(what, where=str(file), hint="give its lines as backup_settings in group_vars, or move it away")
    new = wanted(document, old, limit_upload)
    if old == new:
        return Credential(new, entry_of(new)), []
    changes = [Change(str(file), "this node's own credential and password, made here", "old" if old else "", "new")]
    if dry_run:
        return (Credential(new, entry_of(new)) if old else None), changes
    write_atomic(file, "".join(f"{name}={value}\n" for name, value in new.items()).encode(), _MODE)
    return Credential(new, entry_of(new)), changes


def wanted(document: NodeDocument, old: dict[str, str], limit_upload: int) -> dict[str, str]:
    """Return the settings that a node must have; passwords that it has stay."""
    if document.repository is None:
        what = f"{document.node.organisation} has no repository"
        raise InputError(what, where="consortium.yml: repositories", hint="name one there, or give backup_settings in group_vars")
    name, port = document.node.name, document.repository_ports["backups"].port
    address = document.repositories[document.repository].address
    host = f"[{address}]" if ":" in address else address
    key = _password(old) or secrets.token_urlsafe(_BYTES)
    found = {
        "RESTIC_REPOSITORY": f"rest:https://{name}:{key}@{host}:{port}/{name}/",
        "RESTIC_PASSWORD": old.get("RESTIC_PASSWORD") or secrets.token_urlsafe(_BYTES),
        "BACKUP_CACERT": document.paths["backup_certificate"],
    }
    return found | ({"BACKUP_LIMIT_UPLOAD": str(limit_upload)} if limit_upload else {})


def entry_of(settings: dict[str, str]) -> str:
    """Return what the repository compares a node's password with. Of 256 random bits nobody finds what a digest is of."""
    found = hashlib.sha1(_password(settings).encode(), usedforsecurity=False).digest()
    return "{SHA}" + base64.b64encode(found).decode()


def _is_ours(document: NodeDocument, settings: dict[str, str]) -> bool:
    parts = urlsplit(settings["RESTIC_REPOSITORY"].removeprefix("rest:"))
    return parts.scheme == "https" and parts.username == document.node.name and bool(parts.password)


def _password(settings: dict[str, str]) -> str:
    return urlsplit(settings.get("RESTIC_REPOSITORY", "").removeprefix("rest:")).password or ""

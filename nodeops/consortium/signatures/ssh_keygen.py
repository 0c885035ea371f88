"""Signatures of admins, made and checked by ssh-keygen, in revisions/<n>.signatures/ beside the consortium file."""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from nodeops.consortium.kept import kept_file
from nodeops.consortium.signatures.signed import NAMESPACE, Signed, allowed_signers, counted, statement
from nodeops.core.errors import HostError, InputError
from nodeops.core.printable import printable
from nodeops.document.inventory import REVISIONS_FOLDER
from nodeops.document.load import load_consortium
from nodeops.document.models import Consortium
from nodeops.host.command import run
from nodeops.host.files import write_atomic

_SECONDS = 60
_MOST_FILES, _MOST_BYTES = 1000, 16_384
_PUBLIC_FILE = 0o644


def signatures_folder(folder: Path, revision: int) -> Path:
    """Return where the signatures of a revision are."""
    return folder / REVISIONS_FOLDER / f"{revision}.signatures"


def make(folder: Path, key: Path, old: Consortium | None, new: Consortium) -> Path:
    """Sign a revision with an SSH key, or with the agent's when `key` is a public one, and return the file of the signature.

    Raise InputError for a key that is no admin's of the revision before, HostError when ssh-keygen fails.
    """
    text = statement(old, new)
    done = _keygen("-Y", "sign", "-f", str(key), "-n", NAMESPACE, given=text)
    if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise HostError(f"ssh-keygen does not sign: {_said(done)}", where=str(key), hint="an SSH key, or its .pub with an agent")
    if not _holds(done.stdout, text, allowed_signers(old, new), old or new):
        hint = "a key that the revision before names under admins; one that it took out signs nothing"
        raise InputError("is no admin's key", where=str(key), allowed=", ".join((old or new).organisations), hint=hint)
    file = signatures_folder(folder, new.revision) / f"{hashlib.sha256(done.stdout).hexdigest()[:16]}.sig"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, done.stdout, _PUBLIC_FILE)
    return file


def signed(folder: Path, old: Consortium | None, new: Consortium) -> Signed:
    """Return what the signatures at hand come to for the step from one revision to the next."""
    text, allowed = statement(old, new), allowed_signers(old, new)
    files = sorted(signatures_folder(folder, new.revision).glob("*.sig"))[:_MOST_FILES]
    return counted(old, new, {printable(file.name, 60): _holds(_read(file), text, allowed, old or new) for file in files})


def signed_step(folder: Path, working: Consortium) -> Signed | None:
    """Return what the signatures come to for the working revision after the one kept before it; None when that was not kept."""
    before = kept_file(folder, working.revision - 1)
    if working.revision == 1:
        return signed(folder, None, working)
    return signed(folder, load_consortium(before), working) if before.is_file() else None


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_MOST_BYTES)


def _holds(signature: bytes, text: bytes, allowed: str, judges: Consortium) -> list[str]:
    """Return the organisations in whose name a signature holds: one, or none."""
    with tempfile.TemporaryDirectory() as place:
        signers, file = Path(place) / "allowed_signers", Path(place) / "signature"
        signers.write_text(allowed, encoding="utf-8")
        file.write_bytes(signature)
        checked = ("-Y", "verify", "-f", str(signers), "-n", NAMESPACE, "-s", str(file), "-I")
        return [name for name in sorted(judges.organisations) if not _keygen(*checked, name, given=text).returncode]


def _keygen(*words: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
    return run(["ssh-keygen", *words], timeout_seconds=_SECONDS, stdin=given, allowed_codes=range(256))


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return printable(done.stderr.decode(errors="replace"), 200)

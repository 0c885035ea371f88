"""The keys of a lab, beside lab.yml and gone with the lab: the pair for SSH, and what votes for its organisations."""

from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from nodeops.core.errors import HostError
from nodeops.document.lab_accounts import lab_account_key
from nodeops.host.files import write_atomic
from nodeops.lab.state import KEY_FILE, LAB_FOLDER, account_key_file


def public_key(folder: Path, lab: str) -> str:
    """Return the public line of the lab's key pair; empty when there is no usable one."""
    try:
        key = load_ssh_private_key((folder / KEY_FILE).read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return ""
    return _public_line(key, lab) if isinstance(key, Ed25519PrivateKey) else ""


def make_key(folder: Path, lab: str) -> str:
    """Make a new key pair, readable by its owner only, and return the public line. Raise HostError."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    try:
        (folder / LAB_FOLDER).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(folder / LAB_FOLDER)) from error
    write_atomic(folder / KEY_FILE, private, 0o600)
    public = _public_line(key, lab)
    write_atomic(folder / f"{KEY_FILE}.pub", f"{public}\n".encode(), 0o644)
    return public


def write_accounts(folder: Path, organisations: Iterable[str]) -> None:
    """Write the account key of each organisation where it is not yet, as a custodian would keep it."""
    for name in organisations:
        path = folder / account_key_file(name)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            key = lab_account_key(name)
            write_atomic(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def _public_line(key: Ed25519PrivateKey, lab: str) -> str:
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} lab {lab}"

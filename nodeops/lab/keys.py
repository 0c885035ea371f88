"""The key pair of a lab: made once, kept beside lab.yml, gone with the lab."""

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
from nodeops.host.files import write_atomic
from nodeops.lab.state import KEY_FILE, LAB_FOLDER


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


def _public_line(key: Ed25519PrivateKey, lab: str) -> str:
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} lab {lab}"

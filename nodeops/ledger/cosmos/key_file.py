"""The file of a signing key: PEM, without a passphrase, and nobody but its owner can read it."""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from nodeops.core.errors import InputError
from nodeops.core.printable import escaped
from nodeops.ledger.cosmos.signing_key import SigningKey

_ALLOWED = "an ed25519 key in PEM, without a passphrase, that only its owner can read"
_HINT = "make one: (umask 077; openssl genpkey -algorithm ed25519 -out NAME.pem)"
_MOST_BYTES = 4096


def load_signing_key(path: Path) -> SigningKey:
    """Return the key in a file. Raise InputError for one that others may read, and for anything else than such a key."""
    where = escaped(str(path))
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            text = file.read(_MOST_BYTES) if stat.S_ISREG(found.st_mode) else b""
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where, allowed=_ALLOWED) from error
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
        hint = f"chmod 600 {where}; if others could read it, it is no secret any more: have it replaced"
        raise InputError(f"is open to others: mode {stat.S_IMODE(found.st_mode):04o}", where=where, allowed=_ALLOWED, hint=hint)
    return SigningKey(_parsed(text, where))


def _parsed(text: bytes, where: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        # The library's own words may quote the file.
        raise InputError("is not a key that can be used here", where=where, allowed=_ALLOWED, hint=_HINT) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("is a key of another kind", where=where, allowed=_ALLOWED, hint=_HINT)
    return key

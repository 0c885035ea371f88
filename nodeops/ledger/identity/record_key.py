"""The key that a node, or an application, signs its records with, where the ledger knows its authors: ed25519, in PKCS#8 PEM.

Made where it is used and never moved. A second one would harm nobody, but members know the first one only.
"""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from nodeops.core.errors import HostError

# Nothing writes to it again, so not even its owner may.
RECORD_KEY_MODE = 0o400
_HINT = "of this node: take it from the archive of its keys. Of an application: openssl genpkey -algorithm ed25519"


def made_record_key() -> bytes:
    """Return a new private key as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def parse_record_key(data: bytes, where: str) -> Ed25519PrivateKey:
    """Return the private key of a PEM file. Raise HostError for anything else; the message holds no key material."""
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise HostError("is not an ed25519 private key in PEM, without a password", where=where, hint=_HINT)
    return key


def public_part(key: Ed25519PrivateKey) -> str:
    """Return the public half in base64, as documents hold it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

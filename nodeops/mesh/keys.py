"""The key that two nodes share, though nobody sent it: from the key of the one and the certificate of the other. Pure.

Both have a P-256 key already, which their exporters serve TLS with, and its certificate is beside the consortium file.
Diffie-Hellman on that curve (NIST SP 800-56A, static keys) gives both the same secret; HKDF (RFC 5869) makes it one for this
purpose alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDH, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from nodeops.core.errors import InputError
from nodeops.core.printable import printable

_PURPOSE = b"nodeops mesh probe 1"


@dataclass(frozen=True)
class Shared:
    """How packets of a peer are known: its mark (8 bytes), and the key that it shares with this node (32 bytes)."""

    mark: bytes
    key: bytes


def private_key(pem: bytes, where: str) -> EllipticCurvePrivateKey:
    """Return this node's key. Raise InputError when it is not one of P-256."""
    try:
        found = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InputError("is not a private key", where=where, hint="run site.yml, which makes one") from error
    if not isinstance(found, EllipticCurvePrivateKey):
        raise InputError("is not a key of a NIST curve", where=where, hint="run site.yml, which makes one")
    return found


def own_mark(key: EllipticCurvePrivateKey) -> bytes:
    """Return what this node calls itself in packets."""
    return _mark(key.public_key())


def shared(key: EllipticCurvePrivateKey, certificates: Mapping[str, str]) -> tuple[dict[str, Shared], dict[str, str]]:
    """Return the shared key of each peer by its name, and of those that have none why: the certificate of one harms no other."""
    found, refused = {}, {}
    for name, pem in certificates.items():
        try:
            found[name] = _shared(key, pem)
        except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
            refused[name] = printable(str(error))
    return found, refused


def _shared(key: EllipticCurvePrivateKey, pem: str) -> Shared:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    other = certificate.public_key()
    if not isinstance(other, EllipticCurvePublicKey) or other.curve.name != key.curve.name:
        raise ValueError(f"its key is of another kind than {key.curve.name}")
    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature as error:
        raise ValueError("it is not signed with its own key, so it may hold another member's") from error
    secret = key.exchange(ECDH(), other)
    # Whose packet it is stands in the packet; both marks in the key's purpose bind it to these two keys.
    both = b"".join(sorted((_mark(other), own_mark(key))))
    return Shared(_mark(other), HKDF(SHA256(), length=32, salt=None, info=_PURPOSE + both).derive(secret))


def _mark(key: EllipticCurvePublicKey) -> bytes:
    return hashlib.sha256(key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)).digest()[:8]

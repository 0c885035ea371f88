"""Verify ed25519 signatures by the rule of CometBFT, ZIP-215, where OpenSSL's is stricter. Pure; nothing secret is handled.

CometBFT accepts a vote (crypto/ed25519/ed25519.go, VerifySignature) when 8 times (S·B - k·A - R) is the neutral point and
S is below the group's order; keys and R may be any encodings of points. OpenSSL leaves the factor 8 out and wants R encoded
in the one canonical way, so a validator that means harm can sign votes that count on the chain and fail there.
In Python one vote takes some 5 ms, fifty times what OpenSSL takes: ask OpenSSL first. Points are (X, Y, Z, T) with
x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, section 5.1.4).
"""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_KEY_BYTES = 32
_SIGN_BIT = 1 << 255

Point = tuple[int, int, int, int]
_NEUTRAL: Point = (0, 1, 1, 0)


def openssl_accepts(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether OpenSSL accepts a signature: what it accepts, CometBFT accepts. Whatever the bytes are, nothing is raised."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether CometBFT would accept a signature. Whatever the bytes are, nothing is raised."""
    if len(public_key) != _KEY_BYTES or len(signature) != 2 * _KEY_BYTES:
        return False
    commitment, scalar = signature[:_KEY_BYTES], int.from_bytes(signature[_KEY_BYTES:], "little")
    key, nonce = _decoded(public_key), _decoded(commitment)
    if key is None or nonce is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(commitment + public_key + message).digest(), "little") % _ORDER
    difference = _added(_combined(scalar, challenge, _negated(key)), _negated(nonce))
    for _ in range(3):
        difference = _added(difference, difference)
    x, y, z, _ = difference
    return x % _P == 0 and (y - z) % _P == 0


def _decoded(data: bytes) -> Point | None:
    """Return the point of an encoding, be it canonical or not, or None when it encodes none."""
    whole = int.from_bytes(data, "little")
    y = (whole & ~_SIGN_BIT) % _P
    x = _root((y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P)
    if x is None:
        return None
    if x & 1 != whole >> 255:
        x = -x % _P
    return x, y, 1, x * y % _P


def _root(square: int) -> int | None:
    root = pow(square, (_P + 3) // 8, _P)
    if root * root % _P != square:
        root = root * _ROOT_OF_MINUS_ONE % _P
    return root if root * root % _P == square else None


def _negated(point: Point) -> Point:
    x, y, z, t = point
    return -x % _P, y, z, -t % _P


def _added(one: Point, other: Point) -> Point:
    """Return the sum of two points, which may be the same one: these formulas have no exceptions on this curve."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    c, d = 2 * t1 * t2 * _D, 2 * z1 * z2
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _combined(scalar: int, challenge: int, key: Point) -> Point:
    """Return scalar times the base point plus challenge times a key, both in one pass over their bits."""
    table = (_NEUTRAL, _BASE, key, _added(_BASE, key))
    total = _NEUTRAL
    for bit in reversed(range(max(scalar.bit_length(), challenge.bit_length()))):
        total = _added(total, total)
        total = _added(total, table[(scalar >> bit & 1) | (challenge >> bit & 1) << 1])
    return total


_BASE_ENCODED = (4 * pow(5, -1, _P) % _P).to_bytes(_KEY_BYTES, "little")
_BASE: Point = _decoded(_BASE_ENCODED) or _NEUTRAL

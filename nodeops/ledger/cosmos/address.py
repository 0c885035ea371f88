"""Addresses of a Cosmos SDK chain, made from public keys or from names alone. Pure.

An address is text in bech32 (BIP 173): a prefix that says what it is of, the bytes, six letters of checksum.
"""

import base64
import hashlib
from collections.abc import Iterable

from nodeops.core.errors import InputError
from nodeops.core.printable import printable

ACCOUNT, OPERATOR = "ledger", "ledgervaloper"
_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# BIP 173, the generator of the checksum's polynomial.
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_ADDRESS_BYTES = 20
# x/group keeps its policies under this prefix, and gives the first one the number 1.
_POLICY_TABLE, _FIRST = b"\x20", (1).to_bytes(8, "big")


def bech32(prefix: str, data: bytes) -> str:
    """Return bytes as bech32 text."""
    words = list(_regrouped(data))
    lead = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    check = _polymod([*lead, *words, 0, 0, 0, 0, 0, 0]) ^ 1
    words += [check >> 5 * (5 - place) & 31 for place in range(6)]
    return f"{prefix}1{''.join(_LETTERS[word] for word in words)}"


def address_bytes(address: str) -> bytes:
    """Return the bytes of an account's address. Raise InputError for text that is none."""
    prefix, _, text = address.rpartition("1")
    words = [_LETTERS.find(letter) for letter in text]
    lead = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    data = _whole_bytes(words[:-6])
    if prefix != ACCOUNT or -1 in words or _polymod([*lead, *words]) != 1 or bech32(prefix, data) != address:
        raise InputError("is no account's address", where=printable(address, 100), allowed=f"{ACCOUNT}1…, as it was printed")
    return data


def _whole_bytes(words: list[int]) -> bytes:
    bits = "".join(f"{word & 31:05b}" for word in words)
    return bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits) - 7, 8))


def _regrouped(data: bytes) -> Iterable[int]:
    """Yield groups of 5 bits; the last one is filled up with zeros."""
    bits = "".join(f"{byte:08b}" for byte in data)
    for start in range(0, len(bits), 5):
        yield int(bits[start : start + 5].ljust(5, "0"), 2)


def _polymod(words: Iterable[int]) -> int:
    check = 1
    for word in words:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ word
        for place, factor in enumerate(_GENERATOR):
            check ^= factor if top >> place & 1 else 0
    return check


def account_address(public_key: str) -> str:
    """Return the account of an ed25519 public key, which is given in base64."""
    return address_of(base64.b64decode(public_key))


def address_of(public_key: bytes) -> str:
    """Return the account of an ed25519 public key of 32 bytes."""
    return bech32(ACCOUNT, hashlib.sha256(public_key).digest()[:_ADDRESS_BYTES])


def founder_operator(validator_key: str) -> str:
    """Return the operator address of a founding validator: its own, and one that no key belongs to.

    An operator could only rename its validator. Who may vote on blocks, and how much, is the policy's to say.
    """
    name = b"nodeops/founding-operator\0" + base64.b64decode(validator_key)
    return bech32(OPERATOR, hashlib.sha256(name).digest()[:_ADDRESS_BYTES])


def module_address(name: str) -> str:
    """Return the account of a module, such as the pool of tokens that are not bonded."""
    return bech32(ACCOUNT, hashlib.sha256(name.encode()).digest()[:_ADDRESS_BYTES])


def policy_address() -> str:
    """Return the account of a chain's first group policy, known before the chain exists (Cosmos SDK, ADR 28 and ADR 33)."""
    kind = hashlib.sha256(b"module").digest()
    table = hashlib.sha256(kind + b"group\0" + _POLICY_TABLE).digest()
    return bech32(ACCOUNT, hashlib.sha256(hashlib.sha256(table).digest() + _FIRST).digest())

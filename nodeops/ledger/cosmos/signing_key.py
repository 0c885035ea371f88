"""A key that signs transactions: ed25519. It is never shown. Pure."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nodeops.ledger.cosmos.address import address_of


class SigningKey:
    """One account's key. Its text form is its address; nothing here gives the secret away."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def address(self) -> str:
        """Return the account that the key signs for."""
        return address_of(self.public)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of bytes, 64 of them."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        """Return the address alone."""
        return f"SigningKey({self.address})"

"""Transactions of a Cosmos SDK chain: sign them, read them, and tell who signed. Pure.

Sign mode DIRECT, ed25519 keys, no fee. What is signed is the SignDoc: the bytes of body and of auth info as they travel, the
chain, and the account's number, which a transaction does not carry (cosmos/tx/v1beta1/tx.proto at tag v0.53.8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from nodeops.core.digest import sha256
from nodeops.ledger.cometbft import zip215
from nodeops.ledger.cosmos.address import address_of
from nodeops.ledger.cosmos.codec import FormError, decode, encode, is_unicode
from nodeops.ledger.cosmos.messages import Coin, Packed, PublicKey, pack
from nodeops.ledger.cosmos.signing_key import SigningKey

_DIRECT = 1
_ED25519 = "/cosmos.crypto.ed25519.PubKey"
# What a record uses (55000, measured), several times over; a proposal with a few messages needs some 200000.
GAS = 400_000


@dataclass(frozen=True)
class _Raw:
    body: Annotated[bytes, 1]
    auth: Annotated[bytes, 2]
    signatures: Annotated[tuple[bytes, ...], 3]


@dataclass(frozen=True)
class _Body:
    """Field 4, which would let a transaction go without a number, is unknown here on purpose: such a one is refused."""

    messages: Annotated[tuple[Packed, ...], 1]
    memo: Annotated[str, 2] = ""
    timeout_height: Annotated[int, 3] = 0


@dataclass(frozen=True)
class _Single:
    mode: Annotated[int, 1]


@dataclass(frozen=True)
class _Mode:
    single: Annotated[_Single | None, 1]


@dataclass(frozen=True)
class _Signer:
    key: Annotated[Packed | None, 1]
    mode: Annotated[_Mode | None, 2]
    sequence: Annotated[int, 3]


@dataclass(frozen=True)
class _Fee:
    amount: Annotated[tuple[Coin, ...], 1]
    gas: Annotated[int, 2]


@dataclass(frozen=True)
class _Auth:
    signers: Annotated[tuple[_Signer, ...], 1]
    fee: Annotated[_Fee | None, 2]


@dataclass(frozen=True)
class _SignDoc:
    body: Annotated[bytes, 1]
    auth: Annotated[bytes, 2]
    chain: Annotated[str, 3]
    number: Annotated[int, 4]


@dataclass(frozen=True)
class Signer:
    """Who signs: a key, its account's number, and how many transactions the account has had."""

    key: SigningKey
    number: int
    sequence: int


@dataclass(frozen=True)
class SignedAs:
    """A key that is said to have signed, and the number that it gave the transaction among all of its account's."""

    public_key: bytes
    sequence: int
    signature: bytes

    @property
    def address(self) -> str:
        """Return the account of the key."""
        return address_of(self.public_key)


@dataclass(frozen=True)
class Transaction:
    """A transaction as it was read. No signature is checked yet: see `signed_by`."""

    raw: bytes
    messages: tuple[Packed, ...]
    memo: str
    timeout_height: int
    signers: tuple[SignedAs, ...]
    body: bytes
    auth: bytes

    @property
    def hash(self) -> str:
        """Return the hash that names it, as the ledger writes it: 64 upper-case hex digits."""
        return sha256(self.raw).upper()


def sign(
    messages: Sequence[Packed], signers: Sequence[Signer], chain: str, memo: str = "", *, gas: int = GAS, timeout_height: int = 0
) -> bytes:
    """Return a signed transaction without a fee. Above `timeout_height` no block takes it; 0 is no limit."""
    body = encode(_Body(tuple(messages), memo, timeout_height))
    mode = _Mode(_Single(_DIRECT))
    named = tuple(_Signer(pack(PublicKey(one.key.public)), mode, one.sequence) for one in signers)
    auth = encode(_Auth(named, _Fee((), gas)))
    signatures = tuple(one.key.sign(encode(_SignDoc(body, auth, chain, one.number))) for one in signers)
    return encode(_Raw(body, auth, signatures))


def read(raw: bytes) -> Transaction:
    """Return a transaction of ed25519 signers in mode DIRECT. Raise FormError for any other, and for bytes that are none."""
    parts = decode(_Raw, raw)
    body, auth = decode(_Body, parts.body), decode(_Auth, parts.auth)
    if not is_unicode(body.memo):
        raise FormError("has a memo that is no UTF-8")
    if not auth.signers or len(auth.signers) != len(parts.signatures):
        raise FormError(f"has {len(auth.signers)} signers and {len(parts.signatures)} signatures")
    signers = tuple(_signed_as(one, signature) for one, signature in zip(auth.signers, parts.signatures, strict=True))
    return Transaction(raw, body.messages, body.memo, body.timeout_height, signers, parts.body, parts.auth)


def _signed_as(signer: _Signer, signature: bytes) -> SignedAs:
    if signer.mode != _Mode(_Single(_DIRECT)):
        raise FormError("is not signed in mode DIRECT")
    if signer.key is None or signer.key.url != _ED25519:
        raise FormError("does not name an ed25519 key")
    return SignedAs(decode(PublicKey, signer.key.value).key, signer.sequence, signature)


def signed_by(transaction: Transaction, signer: SignedAs, chain: str, number: int) -> bool:
    """Tell whether the signer's key signed, as the chain judges it: the transaction, for this chain and this account number.

    It judges by ZIP-215, which accepts some signatures that OpenSSL, asked first because it is fast, refuses.
    """
    signed = encode(_SignDoc(transaction.body, transaction.auth, chain, number))
    asked = signer.public_key, signed, signer.signature
    return zip215.openssl_accepts(*asked) or zip215.verify(*asked)

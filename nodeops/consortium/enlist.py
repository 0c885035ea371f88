"""Put a node's validator key on the chain, without any power: what m of n can then lend power to.

A validator has an operator, an account that could take its own coin back and so shut its validator out. Its key is made from a
signature of the organisation's account key: the organisation can make it again, nobody else can, and nothing is kept.
"""

import hashlib
from base64 import b64decode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodeops.ledger.cosmos.address import OPERATOR, bech32
from nodeops.ledger.cosmos.messages import (
    Coin,
    Commission,
    CreateValidator,
    Description,
    Packed,
    PublicKey,
    Send,
    pack,
)
from nodeops.ledger.cosmos.signing_key import SigningKey

_PURPOSE = b"nodeops/operator\0"
# One coin stands for the validator, some stay for what an operator may have to do later.
COINS = 10
_OWN = "1"


def operator_key(account: SigningKey, chain: str, validator_key: str) -> SigningKey:
    """Return the operator's key for a validator key (base64). An ed25519 signature of the same bytes is always the same."""
    seed = account.sign(_PURPOSE + chain.encode() + b"\0" + b64decode(validator_key))
    return SigningKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest()))


def operator_address(operator: SigningKey) -> str:
    """Return the address that a validator with this operator has."""
    return bech32(OPERATOR, hashlib.sha256(operator.public).digest()[:20])


def fund(account: SigningKey, operator: SigningKey) -> Packed:
    """Return the message that makes the operator's account, with coins that are no vote."""
    return pack(Send(account.address, operator.address, (Coin(amount=str(COINS)),)))


def creation(operator: SigningKey, node: str, validator_key: str) -> Packed:
    """Return the message that makes a validator without power."""
    key = pack(PublicKey(b64decode(validator_key)))
    own = Coin(amount=_OWN)
    return pack(CreateValidator(Description(node), Commission(), _OWN, "", operator_address(operator), key, own))

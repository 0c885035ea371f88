"""Who a node is: its public identity, and the strict reading of CometBFT's key files. Pure.

No message made here holds key material.
"""

import base64
import binascii
import hashlib
from typing import Annotated, Any, Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from nodeops.core.errors import HostError
from nodeops.document.fields import UNSAID, Name, NodeId
from nodeops.document.keys import PublicKey
from nodeops.document.models import Model

# The largest of the three files is 345 bytes; anything far above it is not one of them.
MAX_FILE_BYTES = 65_536
# What was signed after a backup was made is not in it: with it, a validator signs those heights a second time.
STATE_LOST = (
    "do not put one back from a backup and do not make an empty one: an older state signs twice. Leave the ledger stopped and "
    "follow 'A lost signing state' in docs/ledger.md"
)
_DAMAGED = "restore this node's keys from its backup; never make new ones for a node that has published its identity"

ValidatorAddress = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{40}$")]


class ValidatorKey(Model):
    """The public key with which a validator's votes are verified."""

    type: Literal["ed25519"] = "ed25519"
    value: PublicKey


class Identity(Model):
    """The public identity of one node. Nothing in it is secret. `record_key` signs its records, where the ledger has authors."""

    node: Name
    organisation: Name
    node_id: NodeId
    validator_key: ValidatorKey
    validator_address: ValidatorAddress
    record_key: Annotated[PublicKey | None, UNSAID] = None

    @model_validator(mode="after")
    def _address_is_that_of_the_key(self) -> "Identity":
        if self.validator_address != address_of(self.validator_key.value):
            raise ValueError("validator_address is not the address of validator_key")
        return self


def address_of(public_key: str) -> str:
    """Return the address of an ed25519 key in base64: 40 upper-case hex digits (crypto/ed25519/ed25519.go, Address)."""
    return _short_hash(base64.b64decode(public_key)).upper()


def _short_hash(public_key: bytes) -> str:
    """Return the first 20 bytes of the SHA-256 as hex (crypto/tmhash, SumTruncated; p2p/key.go writes it lower-case)."""
    return hashlib.sha256(public_key).digest()[:20].hex()


class _KeyFileModel(Model):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class _Private(_KeyFileModel):
    type: Literal["tendermint/PrivKeyEd25519"]
    value: Annotated[str, Field(max_length=100)]


class _Public(_KeyFileModel):
    type: Literal["tendermint/PubKeyEd25519"]
    value: PublicKey


class _NodeKeyFile(_KeyFileModel):
    priv_key: _Private


class _ValidatorKeyFile(_KeyFileModel):
    address: ValidatorAddress
    pub_key: _Public
    priv_key: _Private


class SigningState(_KeyFileModel):
    """The last thing this validator signed (priv_validator_state.json): it may never sign at or below it again."""

    height: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]
    round: int
    step: int
    signature: str | None = None
    signbytes: str | None = None

    @property
    def unused(self) -> bool:
        """Tell whether nothing was ever signed."""
        return self.height == "0" and not (self.round or self.step or self.signature or self.signbytes)


Parsed = TypeVar("Parsed", bound=Model)


def _parse(model: type[Parsed], data: bytes, where: str, hint: str = _DAMAGED) -> Parsed:
    if len(data) > MAX_FILE_BYTES:
        raise HostError("is far too large to be a key file", where=where, hint=hint)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        text = _without_input(error)
    # Raised outside the handler: the parser's own error holds the file's content and must not travel along.
    raise HostError(f"is damaged: {'it is empty' if not data.strip() else text}", where=where, hint=hint)


def _without_input(error: ValidationError) -> str:
    item: Any = error.errors(include_input=False, include_context=False, include_url=False)[0]
    return "not the JSON it should be" if item["type"] == "json_invalid" else f"{'.'.join(map(str, item['loc']))}: {item['msg']}"


def _public_of(private: _Private, where: str) -> bytes:
    """Return the 32 public bytes of a private key kept as seed and public key, after proving that the two belong together."""
    try:
        raw = base64.b64decode(private.value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 64:
        raise HostError("is damaged: priv_key is not 64 bytes in base64", where=where, hint=_DAMAGED)
    public = Ed25519PrivateKey.from_private_bytes(raw[:32]).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if public != raw[32:]:
        raise HostError("is damaged: the two halves of priv_key do not belong together", where=where, hint=_DAMAGED)
    return public


def parse_node_key(data: bytes, where: str) -> str:
    """Return the node id of a node_key.json. Raise HostError when it is damaged; the message holds no key material."""
    return _short_hash(_public_of(_parse(_NodeKeyFile, data, where).priv_key, where))


def parse_validator_key(data: bytes, where: str) -> ValidatorKey:
    """Return the public key of a priv_validator_key.json. Raise HostError when it is damaged or does not fit its private key."""
    file = _parse(_ValidatorKeyFile, data, where)
    if base64.b64encode(_public_of(file.priv_key, where)).decode() != file.pub_key.value:
        raise HostError("is damaged: pub_key is not the public part of priv_key", where=where, hint=_DAMAGED)
    if address_of(file.pub_key.value) != file.address:
        raise HostError("is damaged: address is not that of pub_key", where=where, hint=_DAMAGED)
    return ValidatorKey(value=file.pub_key.value)


def parse_signing_state(data: bytes, where: str) -> SigningState:
    """Return the signing state of a priv_validator_state.json. Raise HostError when it is damaged."""
    return _parse(SigningState, data, where, STATE_LOST)

"""Public keys as documents hold them, and what a document may leave unsaid."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

# Left out where it is not said, so that a consortium file without it keeps its digest.
UNSAID = Field(exclude_if=lambda value: value is None)


def _public_key(value: str) -> str:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if len(raw) != 32 or base64.b64encode(raw).decode() != value:
        raise ValueError("is not an ed25519 public key of 32 bytes in base64")
    return value


PublicKey = Annotated[str, StringConstraints(max_length=64), AfterValidator(_public_key)]

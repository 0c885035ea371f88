"""Public keys as documents hold them. Pure."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def _public_key(value: str) -> str:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if len(raw) != 32 or base64.b64encode(raw).decode() != value:
        raise ValueError("is not an ed25519 public key of 32 bytes in base64")
    return value


PublicKey = Annotated[str, StringConstraints(max_length=64), AfterValidator(_public_key)]

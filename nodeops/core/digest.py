"""One way to write data as bytes and to name them by their SHA-256, so that two machines agree on what they hold."""

import hashlib
import json
from typing import Any


def canonical(data: Any) -> bytes:
    """Return JSON data as bytes that do not depend on key order, platform or locale."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest(data: Any) -> str:
    """Return the SHA-256 of JSON data in canonical form."""
    return sha256(canonical(data))

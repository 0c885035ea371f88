"""Rewrap the key of a test's repository. restic derives it slowly on purpose, half a second at each call: not what is tested.

restic's design document, "Keys, Encryption and MAC": AES-256-CTR, then Poly1305-AES over the ciphertext.
"""

import base64
import hashlib
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

_NONCE, _TAG = 16, 16


def make_quick(repository: Path, password: str) -> None:
    """Replace the only key of a repository by one of the same password that costs nothing to derive."""
    (file,) = (repository / "keys").iterdir()
    key = json.loads(file.read_bytes())
    sealed, old = base64.b64decode(key["data"]), _derived(password, key)
    nonce, text, tag = sealed[:_NONCE], sealed[_NONCE:-_TAG], sealed[-_TAG:]
    assert _tag(old, nonce, text) == tag
    master = _stream(old, nonce, text)
    key |= {"N": 2, "r": 1, "p": 1}
    new, nonce = _derived(password, key), os.urandom(_NONCE)
    text = _stream(new, nonce, master)
    key["data"] = base64.b64encode(nonce + text + _tag(new, nonce, text)).decode()
    content = json.dumps(key).encode()
    (repository / "keys" / hashlib.sha256(content).hexdigest()).write_bytes(content)
    file.unlink()


def _derived(password: str, key: dict[str, object]) -> bytes:
    costs = {name: int(str(key[upper])) for name, upper in (("n", "N"), ("r", "r"), ("p", "p"))}
    salt = base64.b64decode(str(key["salt"]))
    return hashlib.scrypt(password.encode(), salt=salt, maxmem=1 << 30, dklen=64, **costs)


def _stream(key: bytes, nonce: bytes, text: bytes) -> bytes:
    return Cipher(algorithms.AES(key[:32]), modes.CTR(nonce)).encryptor().update(text)


def _tag(key: bytes, nonce: bytes, text: bytes) -> bytes:
    block = Cipher(algorithms.AES(key[32:48]), modes.ECB()).encryptor().update(nonce)
    return Poly1305.generate_tag(key[48:64] + block, text)

"""The account keys of a lab's organisations. Anybody can compute them, so a lab's consortium.yml can stand in a repository. Pure.

A real inventory that names one of them is refused: whoever reads this file could vote for the organisation.
"""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# Beside consortium.yml of a lab, and of nothing else.
LAB_FILE = "lab.yml"


def lab_account_key(organisation: str) -> Ed25519PrivateKey:
    """Return the key that votes for an organisation of a lab."""
    seed = hashlib.sha256(b"nodeops lab account of " + organisation.encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def lab_account(organisation: str) -> str:
    """Return the account of an organisation of a lab, as consortium.yml has it: the public key in base64."""
    public = lab_account_key(organisation).public_key()
    return base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

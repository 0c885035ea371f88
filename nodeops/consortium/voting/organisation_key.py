"""The key that an organisation votes with: a PEM file, or one in an SSH agent, where a hardware token may hold the secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from nodeops.core.errors import HostError, InputError
from nodeops.core.printable import escaped
from nodeops.ledger.cosmos.key_file import load_signing_key
from nodeops.ledger.cosmos.signing_key import SigningKey

if TYPE_CHECKING:
    import paramiko

_ALLOWED = "an ed25519 key: PEM with mode 600, or the public half (.pub) of one in your SSH agent"
_KIND = "ssh-ed25519"
_MOST_BYTES = 4096


def load_organisation_key(path: Path) -> SigningKey:
    """Return the key in a PEM file, or the one in the SSH agent whose public half is in a file.

    Raise InputError for what is neither, and for a key that the agent does not hold; HostError without an agent.
    """
    public = _public_half(path)
    return load_signing_key(path) if public is None else AgentKey(public, _held(public, escaped(str(path))))


class AgentKey(SigningKey):
    """A key whose secret an SSH agent holds. Each signature is asked of the agent, which may ask a person."""

    def __init__(self, public: bytes, held: paramiko.AgentKey) -> None:
        self._held = held
        self.public = public

    def sign(self, data: bytes) -> bytes:
        """Return the signature of bytes, 64 of them. Raise HostError when the agent does not give one that holds."""
        # start-up: see _held
        import paramiko

        try:
            answer = paramiko.Message(self._held.sign_ssh_data(data))
            kind, signature = answer.get_text(), bytes(answer.get_binary())
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, data)
        except (paramiko.SSHException, InvalidSignature, OSError, UnicodeDecodeError) as error:
            raise HostError(
                "did not sign", where="the SSH agent", hint="was it asked to confirm, or locked? ssh-add -l"
            ) from error
        if kind != _KIND:
            raise HostError(f"signed with a key of kind {escaped(kind)}", where="the SSH agent")
        return signature


def _public_half(path: Path) -> bytes | None:
    """Return the key in a line of OpenSSH, and None for any other file: the loader of PEM files says what is wrong with it."""
    try:
        with path.open("rb") as file:
            line = file.read(_MOST_BYTES) if path.is_file() else b""
    except OSError:
        return None
    if not line.startswith((b"ssh-", b"sk-", b"ecdsa-")):
        return None
    if not line.startswith(_KIND.encode() + b" "):
        what = f"is a key of kind {escaped(line.split()[0].decode(errors='replace'))}: the chain cannot check what it signs"
        raise InputError(what, where=escaped(str(path)), allowed=_ALLOWED)
    try:
        return load_ssh_public_key(line).public_bytes(Encoding.Raw, PublicFormat.Raw)
    except ValueError as error:
        raise InputError("is not a public key of OpenSSH", where=escaped(str(path)), allowed=_ALLOWED) from error


def _held(public: bytes, where: str) -> paramiko.AgentKey:
    try:
        # start-up: only this needs it, and hosts do not have it
        import paramiko
    except ImportError as error:
        hint = "vote on the controller; hosts have no organisation's key"
        raise HostError("cannot be asked here", where="the SSH agent", hint=hint) from error
    if not os.environ.get("SSH_AUTH_SOCK"):
        raise HostError("there is none: SSH_AUTH_SOCK is not set", where="the SSH agent", hint='eval "$(ssh-agent)"; ssh-add KEY')
    try:
        keys = paramiko.Agent().get_keys()
    except (paramiko.SSHException, OSError) as error:
        raise HostError("does not answer", where="the SSH agent", hint="ssh-add -l says what it holds") from error
    for key in keys:
        if key.get_name() == _KIND and key.asbytes().endswith(public):
            return key
    raise InputError(
        "is not held by your SSH agent", where=where, allowed=_ALLOWED, hint="ssh-add KEY; ssh-add -L shows what it holds"
    )

"""Which keys and certificates a login may use: what ssh_config names, and of the agent no more than it allows; hosts' keys."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from paramiko import Agent, HostKeys, PKey, SSHException
from paramiko.hostkeys import InvalidHostKey
from paramiko.pkey import PublicBlob

from nodeops.core.errors import InputError
from nodeops.fleet.reply import one_line
from nodeops.fleet.ssh_choices import SshChoices

# The end of a public key's blob is the same in its certificate, and no other key has it.
_KEY_TAIL_BYTES = 32


def login_options(choices: SshChoices, seconds: float) -> dict[str, Any]:
    """Return what paramiko may use to log in: the keys named, and of the agent no other where IdentitiesOnly says so."""
    named = [file for file in choices.identity_files if file.is_file() and file.suffix != ".pub"]
    agent_key = _agent_key(choices) if choices.use_agent and choices.identities_only else None
    return {
        "key_filename": [str(file) for file in named],
        "pkey": _certified(choices.certificate, named, agent_key) or agent_key,
        "allow_agent": choices.use_agent and not choices.identities_only,
        "look_for_keys": not choices.identity_files,
        "banner_timeout": seconds,
        "auth_timeout": seconds,
        "channel_timeout": seconds,
    }


def _certified(certificate: Path | None, named: Sequence[Path], agent_key: Any) -> Any:
    """Return the key that a certificate is for, with the certificate, or None. One beside its key needs no name."""
    if certificate is None or not certificate.is_file():
        return None
    for file in (*named, None):
        # Whatever the bytes of a file made the parsers raise: a key that is needed is asked for again, and named then.
        with suppress(Exception):
            key = PKey.from_path(file) if file else agent_key
            if key is not None and _is_for(certificate, key):
                key.load_certificate(str(certificate))
                return key
    return None


def _is_for(certificate: Path, key: Any) -> bool:
    """Tell whether a certificate names a key: it holds the key's public bytes, after its own kind and a nonce."""
    return bool(key.asbytes()[-_KEY_TAIL_BYTES:] in PublicBlob.from_file(str(certificate)).key_blob)


def _agent_key(choices: SshChoices) -> Any:
    """Return the agent's key whose public half lies beside a named identity file, or None."""
    wanted = set()
    for file in choices.identity_files:
        public = file if file.suffix == ".pub" else file.with_name(f"{file.name}.pub")
        if public.is_file():
            wanted.update(public.read_text(encoding="utf-8", errors="replace").split()[1:2])
    with suppress(SSHException, OSError):
        return next((key for key in Agent().get_keys() if wanted and key.get_base64() in wanted), None)
    return None


@cache
def known_keys(file: Path) -> Any:
    """Return the host keys of a file, none where there is no file. Raise InputError for another kind of file."""
    try:
        return HostKeys(str(file)) if file.exists() else HostKeys()
    except (OSError, ValueError, InvalidHostKey) as error:
        raise InputError(f"is not a known hosts file: {one_line(str(error), 120)}", where=str(file)) from error

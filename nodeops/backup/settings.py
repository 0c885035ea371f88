"""Where the repository is and what opens it: a file for root's eyes alone, read here and handed to the engine's environment."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from nodeops.core.errors import HostError, InputError

FILE = "backup.env"
_NEEDED = ("RESTIC_REPOSITORY", "RESTIC_PASSWORD")
_SSH = ("BACKUP_SSH_KEY", "BACKUP_SSH_KNOWN_HOSTS")
_OPTIONAL = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "BACKUP_CACERT", "BACKUP_LIMIT_UPLOAD", *_SSH)
# No secrets: paths, and a number that many a text holds.
_SHOWN = ("BACKUP_CACERT", "BACKUP_LIMIT_UPLOAD", *_SSH)
_HINT = "see docs/backup.md"
_OTHERS = 0o077
# No word of it can be an option of ssh.
SFTP = re.compile(
    r"sftp://(?P<user>[a-z_][a-z0-9_-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-f:]+\])(:(?P<port>[0-9]{1,5}))?/.+"
)
# Whoever stands between could read the credential.
_PLAIN = re.compile(r"(rest|s3):http://")


def read_settings(path: Path) -> dict[str, str]:
    """Return the settings. Raise HostError when the file is missing or others may read it, InputError when it is wrong."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            text = file.read(1 << 16).decode()
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path), hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise InputError("is not text", where=str(path), hint=_HINT) from error
    if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & _OTHERS:
        raise HostError(
            "holds secrets and is not for its owner alone", where=str(path), hint=f"chown root {path}; chmod 600 {path}"
        )
    return parse_settings(text, str(path))


def parse_settings(text: str, where: str) -> dict[str, str]:
    """Return NAME=VALUE lines. Raise InputError, which names lines and never repeats a value."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not sign or not value or name not in (*_NEEDED, *_OPTIONAL) or name in found:
            allowed = f"one NAME=VALUE a line, each once, with NAME of {', '.join((*_NEEDED, *_OPTIONAL))}"
            raise InputError("is not a setting", where=f"{where}:{number}", allowed=allowed, hint=_HINT)
        found[name] = value
    if missing := [name for name in _NEEDED if name not in found]:
        raise InputError(f"does not set {' and '.join(missing)}", where=where, hint=_HINT)
    if _PLAIN.match(found["RESTIC_REPOSITORY"]):
        raise InputError("RESTIC_REPOSITORY goes over plain HTTP", where=where, allowed="https", hint=_HINT)
    if found["RESTIC_REPOSITORY"].startswith("sftp:"):
        _require_ssh(found, where)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", found.get("BACKUP_LIMIT_UPLOAD", "1")):
        raise InputError("BACKUP_LIMIT_UPLOAD is no number", where=where, allowed="KiB in a second, 1 or more", hint=_HINT)
    return found


def _require_ssh(found: Mapping[str, str], where: str) -> None:
    """Raise InputError unless ssh is told all: whom to call, with which key, and by which key the other side is known."""
    if not SFTP.fullmatch(found["RESTIC_REPOSITORY"]):
        raise InputError(
            "RESTIC_REPOSITORY is no SFTP address", where=where, allowed="sftp://USER@HOST[:PORT]/FOLDER", hint=_HINT
        )
    if missing := [name for name in _SSH if not found.get(name, "").startswith("/")]:
        raise InputError(f"an SFTP repository needs {' and '.join(missing)}", where=where, allowed="full paths", hint=_HINT)


def without_secrets(text: str, settings: Mapping[str, str]) -> str:
    """Return a text in which no setting's value stands, nor what a URL holds before its `@`."""
    hidden = {name: value for name, value in settings.items() if name not in _SHOWN}
    for name, value in sorted(hidden.items(), key=lambda item: -len(item[1])):
        text = text.replace(value, f"({name})")
    return re.sub(r"//[^/@\s]*@", "//(credential)@", text)

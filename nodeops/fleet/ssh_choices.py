"""An ssh_config file, and what the options that apply to one host mean for us, their keys in lower case."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from paramiko import SSHConfig
from paramiko.ssh_exception import ConfigParseError

from nodeops.core.errors import InputError
from nodeops.fleet.reply import one_line

DEFAULT_CONNECT_SECONDS = 5.0
# ssh and Ansible may get in by these.
_NOT_USED = {
    "identityagent": "IdentityAgent (the agent of SSH_AUTH_SOCK is)",
    "pkcs11provider": "PKCS11Provider",
    "gssapiauthentication": "GSSAPIAuthentication",
    "hostbasedauthentication": "HostbasedAuthentication",
}
# Values that ask for nothing more than what is done anyway.
_UNSAID = ("no", "none", "ssh_auth_sock")
DEFAULT_KNOWN_HOSTS = "~/.ssh/known_hosts"


@dataclass(frozen=True)
class SshChoices:
    """How one host is reached and known. `identity_files` empty means the user's default keys, as ssh does it.

    `certificate` is what an authority signed for one of the keys. `passed_over` are ways to log in that ssh has and we have not.
    """

    known_hosts: tuple[Path, ...]
    identity_files: tuple[Path, ...]
    identities_only: bool
    use_agent: bool
    host_key_alias: str | None
    connect_seconds: float
    direct: bool
    certificate: Path | None = None
    passed_over: tuple[str, ...] = ()


def ssh_choices(options: Mapping[str, str | Sequence[str] | None], where: str) -> SshChoices:
    """Return the meaning of one host's options. Raise InputError for one that cannot work; `where` names the file."""
    text = {key: value for key, value in options.items() if isinstance(value, str)}
    _port(text.get("port", "22"), where)
    identities = options.get("identityfile") or ()
    return SshChoices(
        known_hosts=_files(text.get("userknownhostsfile", DEFAULT_KNOWN_HOSTS)),
        identity_files=tuple(_path(name) for name in identities if name.lower() != "none"),
        identities_only=text.get("identitiesonly", "no").lower() == "yes",
        use_agent=text.get("identityagent", "").lower() != "none",
        host_key_alias=text.get("hostkeyalias"),
        connect_seconds=_seconds(text.get("connecttimeout"), where),
        direct=text.get("proxyjump", "").lower() == "none",
        passed_over=tuple(name for key, name in _NOT_USED.items() if text.get(key, "no").lower() not in _UNSAID),
        certificate=_path(text["certificatefile"]) if text.get("certificatefile", "none").lower() != "none" else None,
    )


def _port(value: str, where: str) -> None:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
        raise InputError(f"Port '{value}' is not a port", where=where, allowed="1 to 65535")


def _files(value: str) -> tuple[Path, ...]:
    # The parser has taken the outer quotes away, so only blanks before a new absolute path part two names.
    return tuple(_path(name) for name in re.split(r'"?\s+"?(?=[~/])', value.strip('"')) if name.lower() != "none")


def _path(name: str) -> Path:
    return Path(name.replace("%%", "%")).expanduser()


def _seconds(value: str | None, where: str) -> float:
    if value is None or value.lower() == "none":
        return DEFAULT_CONNECT_SECONDS
    if not re.fullmatch(r"[1-9][0-9]{0,4}", value):
        raise InputError(f"ConnectTimeout '{value}' is not a number of seconds", where=where, allowed="1 to 99999")
    return float(value)


def parse_into(config: Any, path: Path, may_include: bool) -> None:
    """Add a file to a configuration. Includes are not followed: Debian's own file has one, an inventory must do without."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            SSHConfig.from_text(line)
        except (ConfigParseError, ValueError, IndexError) as error:
            hint = "write 'Keyword value', as in ssh_config(5)"
            raise InputError(one_line(str(error), 120), where=f"{path}:{number}", hint=hint) from error
        if not may_include and line.strip().lower().startswith("include"):
            hint = "write the included lines into this file"
            raise InputError("Include is not followed here", where=f"{path}:{number}", hint=hint)
    config.parse(StringIO(text))

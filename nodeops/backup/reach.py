"""Ask a repository for an answer before the engine does: it tries again for minutes, or ends before the reason has come."""

import base64
import http.client
import re
import shlex
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from nodeops.backup.settings import SFTP
from nodeops.core.errors import HostError, Timeout
from nodeops.core.printable import printable
from nodeops.host.command import run

_SECONDS = 15.0
_WAY_HINT = "systemctl status nodeops-repository on the repository; nodeops firewall explain here"
NOT_LET_IN = ("it does not let this node in", "run playbooks/backup.yml: the repository knows each node by its credential")
NOT_TRUSTED = ("its certificate is not trusted", "run playbooks/backup.yml, or set BACKUP_CACERT to the repository's certificate")
NOT_KNOWN = ("its host key is not the one that is known", "compare it, on the host's own console, with BACKUP_SSH_KNOWN_HOSTS")
NO_ANSWER = ("does not answer", _WAY_HINT)
# What ssh says of the two, in its own words; whatever else it says, there is no way in.
_SSH_SAYS = {r"Host key verification failed": NOT_KNOWN, r"Permission denied": NOT_LET_IN}


def reach(settings: Mapping[str, str]) -> None:
    """Return when a repository answers over TLS that is trusted, or over SSH, and lets this node in; others are not asked.

    Raise HostError that says which of these is not so. Whether S3 lets a node in only a signature would tell, which is the
    engine's: any answer will do.
    """
    address = settings["RESTIC_REPOSITORY"]
    if words := _ssh_words(settings):
        _log_in(words)
    kind, _, place = address.partition(":")
    if kind not in ("rest", "s3") or not place.startswith("https:"):
        return
    parts = urlsplit(place)
    try:
        code = _answer(parts, settings.get("BACKUP_CACERT"))
    except ssl.SSLCertVerificationError as error:
        what, hint = NOT_TRUSTED
        raise HostError(f"{what}: {error.verify_message}", where="repository", hint=hint) from error
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise HostError(f"does not answer: {said}", where=f"repository {parts.hostname}:{parts.port}", hint=_WAY_HINT) from error
    if kind == "rest" and code in (401, 403):
        raise HostError(NOT_LET_IN[0], where="repository", hint=NOT_LET_IN[1])


def ssh_options(settings: Mapping[str, str]) -> list[str]:
    """Return the engine's options for a repository over SFTP, none for others."""
    words = _ssh_words(settings)
    return ["--option", f"sftp.command={shlex.join(words)}"] if words else []


def _log_in(words: list[str]) -> None:
    """Begin a session and end it: nothing is asked, and its server leaves with 0."""
    try:
        run(words, timeout_seconds=2 * _SECONDS)
    except (HostError, Timeout) as error:
        what, hint = next((known for said, known in _SSH_SAYS.items() if re.search(said, error.what)), NO_ANSWER)
        said = "" if what != NO_ANSWER[0] else f": {printable(error.what.splitlines()[-1], 200)}"
        raise HostError(f"{what}{said}", where="repository", hint=hint) from error


def _ssh_words(settings: Mapping[str, str]) -> list[str]:
    """Return the command for a session of SFTP, none for other repositories: ssh does only what the settings say, strictly."""
    found = SFTP.fullmatch(settings["RESTIC_REPOSITORY"])
    if not found:
        return []
    strictly = {
        "BatchMode": "yes",
        "ConnectTimeout": f"{_SECONDS:.0f}",
        "IdentitiesOnly": "yes",
        "IdentityFile": settings["BACKUP_SSH_KEY"],
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": settings["BACKUP_SSH_KNOWN_HOSTS"],
        "GlobalKnownHostsFile": "none",
        "Port": found["port"] or "22",
    }
    options = [f"-o{name}={value}" for name, value in strictly.items()]
    return ["ssh", "-F", "none", *options, f"{found['user']}@{found['host'].strip('[]')}", "-s", "sftp"]


def _answer(parts: SplitResult, authority: str | None) -> int:
    context = ssl.create_default_context(cafile=authority)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_SECONDS, context=context)
    who = base64.b64encode(f"{parts.username or ''}:{parts.password or ''}".encode()).decode()
    try:
        connection.request("HEAD", f"{parts.path.rstrip('/')}/config", headers={"Authorization": f"Basic {who}"})
        return connection.getresponse().status
    finally:
        connection.close()

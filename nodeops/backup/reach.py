"""Ask a repository behind TLS for an answer before the engine does: a newer one tries again for minutes and says nothing."""

import base64
import http.client
import shlex
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from nodeops.backup.settings import SFTP
from nodeops.core.errors import HostError

_SECONDS = 15.0
_WAY_HINT = "systemctl status nodeops-repository on the repository; nodeops firewall explain here"
NOT_LET_IN = ("it does not let this node in", "run playbooks/backup.yml: the repository knows each node by its credential")
NOT_TRUSTED = ("its certificate is not trusted", "run playbooks/backup.yml, or set BACKUP_CACERT to the repository's certificate")
NOT_KNOWN = ("its host key is not the one that is known", "compare it, on the host's own console, with BACKUP_SSH_KNOWN_HOSTS")
NO_ANSWER = ("does not answer", _WAY_HINT)


def reach(settings: Mapping[str, str]) -> None:
    """Return when a repository answers over TLS that is trusted, and lets this node in; others are not asked.

    Raise HostError that says which of these is not so. Whether S3 lets a node in only a signature would tell, which is the
    engine's: any answer will do.
    """
    address = settings["RESTIC_REPOSITORY"]
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
    """Return the engine's options for a repository over SFTP, none for others: ssh does only what the settings say, strictly."""
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
    words = ["ssh", "-F", "none", *options, f"{found['user']}@{found['host'].strip('[]')}", "-s", "sftp"]
    return ["--option", f"sftp.command={shlex.join(words)}"]


def _answer(parts: SplitResult, authority: str | None) -> int:
    context = ssl.create_default_context(cafile=authority)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_SECONDS, context=context)
    who = base64.b64encode(f"{parts.username or ''}:{parts.password or ''}".encode()).decode()
    try:
        connection.request("HEAD", f"{parts.path.rstrip('/')}/config", headers={"Authorization": f"Basic {who}"})
        return connection.getresponse().status
    finally:
        connection.close()

"""Ask OpenSSH itself what an inventory's ssh_config means for a host: nobody else reads that format quite as it does."""

from pathlib import Path

from nodeops.core.errors import HostError, InputError
from nodeops.host.command import run

_QUESTION_SECONDS = 10


def ssh_arguments(config: Path, name: str, address: str) -> list[str]:
    """Return the arguments with which `ssh NAME` reaches a host: the inventory's ssh_config and, unless that says
    where the host is, its address. Without an ssh_config the user's own counts.

    Raise InputError when OpenSSH cannot read the file, HostError when ssh is not installed.
    """
    chosen = ["-F", str(config)] if config.is_file() else []
    try:
        said = run(["ssh", *chosen, "-G", name], timeout_seconds=_QUESTION_SECONDS).stdout.decode(errors="replace")
    except HostError as error:
        if error.what == "is not installed":
            raise
        raise InputError(f"OpenSSH cannot read it: {error.what}", where=str(config), hint="man ssh_config") from error
    known = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    return chosen if known.get("hostname", name) != name else [*chosen, "-o", f"HostName={address}"]

"""Ask OpenSSH itself what an inventory's ssh_config means for a host: nobody else reads that format quite as it does."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from nodeops.core.errors import HostError, InputError, Timeout
from nodeops.host.command import run

_QUESTION_SECONDS = 30


def ssh_arguments(config: Path, name: str, address: str) -> list[str]:
    """Return the arguments with which `ssh NAME` reaches a host: the inventory's ssh_config and, unless that says
    where the host is, its address. Without an ssh_config the user's own counts.

    Raise InputError when OpenSSH cannot read the file, HostError when ssh is not installed.
    """
    chosen, known = _chosen(config), ssh_means(config, name)
    return chosen if known.get("hostname", name) != name else [*chosen, "-o", f"HostName={address}"]


def ssh_means(config: Path, name: str) -> dict[str, str]:
    """Return what OpenSSH makes of its configuration for a host (`ssh -G`), by keyword in lower case.

    Raise InputError when OpenSSH cannot read the file, HostError when ssh is not installed.
    """
    try:
        said = run(["ssh", *_chosen(config), "-G", name], timeout_seconds=_QUESTION_SECONDS).stdout.decode(errors="replace")
    except HostError as error:
        if error.what == "is not installed":
            raise
        raise InputError(f"OpenSSH cannot read it: {error.what}", where=str(config), hint="man ssh_config") from error
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def _chosen(config: Path) -> list[str]:
    return ["-F", str(config)] if config.is_file() else []


def new_login(arguments: Sequence[str], name: str, seconds: int) -> str:
    """Log in over connections that are all new, those to hosts in between too; return what went wrong, empty when it works.

    A connection that lives on is still let through where a new one is not. So no configuration may share one: ours comes first,
    and ssh hands its file on to the ssh that it starts for a host in between.
    """
    words = list(arguments)
    configs = [Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config")]
    if "-F" in words:
        at = words.index("-F")
        configs = [Path(words[at + 1]).absolute()]
        del words[at : at + 2]
    alone = f"Host *\n  ControlPath none\n  ControlMaster no\n  BatchMode yes\n  ConnectTimeout {seconds}\n"
    with tempfile.NamedTemporaryFile("w", prefix="nodeops-ssh-") as file:
        file.write(alone + "".join(f'  Include "{config}"\n' for config in configs if config.is_file()))
        file.flush()
        try:
            done = run(["ssh", "-F", file.name, *words, name, "true"], timeout_seconds=seconds * 3, allowed_codes=range(256))
        except Timeout as error:
            return error.what
    return (done.stderr.decode(errors="replace").strip()[-300:] or f"left with {done.returncode}") if done.returncode else ""

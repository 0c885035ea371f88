"""Packages of the controller itself, where it is a Debian or Ubuntu and we are root."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError
from nodeops.host.command import run

_UPDATE_SECONDS = 180
_INSTALL_SECONDS = 600
# A new machine updates itself for some minutes after its first boot.
_LOCK_SECONDS, _LOCK_POLL_SECONDS = 300, 2


def is_debian_like(os_release: Path = Path("/etc/os-release")) -> bool:
    """Tell whether this machine is a Debian or descends from one."""
    if not os_release.is_file() or shutil.which("apt-get") is None:
        return False
    pairs = (line.partition("=") for line in os_release.read_text(encoding="utf-8", errors="replace").splitlines())
    families = {word for key, _, value in pairs if key in ("ID", "ID_LIKE") for word in value.strip("\"'").split()}
    return bool(families & {"debian", "ubuntu"})


def is_root() -> bool:
    """Tell whether this process may do everything on this machine."""
    return os.geteuid() == 0


def has(command: str) -> bool:
    """Tell whether a command is installed."""
    return shutil.which(command) is not None


def install(packages: Sequence[str], why: str) -> None:
    """Install Debian packages. Raise HostError when this machine or user cannot."""
    if not (is_debian_like() and is_root()):
        raise HostError(
            f"{why} needs {', '.join(packages)}", where="this machine", hint="install them, or run as root on Debian or Ubuntu"
        )
    _apt_get("update", timeout_seconds=_UPDATE_SECONDS)
    _apt_get("install", "--yes", "--no-install-recommends", *packages, timeout_seconds=_INSTALL_SECONDS)


def _lock_is_held(error: BaseException) -> bool:
    return isinstance(error, HostError) and "lock" in error.what and "held by process" in error.what


@retry(
    retry=retry_if_exception(_lock_is_held),
    wait=wait_fixed(_LOCK_POLL_SECONDS),
    stop=stop_after_delay(_LOCK_SECONDS),
    reraise=True,
)
def _apt_get(*words: str, timeout_seconds: float) -> None:
    """Run apt-get; while the machine's own updates hold its lock, wait for them."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", *words], timeout_seconds=timeout_seconds, environment=environment)

"""Install and remove Debian packages, and know afterwards exactly which came along."""

import os
from collections.abc import Iterable
from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.hardening.host.facts import installed_packages
from nodeops.host.command import run

_SECONDS = 840
_LISTS = Path("/var/lib/apt/lists")
_GET = ["apt-get", "-qq", "-y", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=60"]


def _apt(*words: str) -> None:
    # needrestart must restart nothing: least of all the ledger.
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "NEEDRESTART_SUSPEND": "1",
        "APT_LISTCHANGES_FRONTEND": "none",
    }
    run([*_GET, *words], timeout_seconds=_SECONDS, environment=environment)


def install(names: Iterable[str]) -> None:
    """Install packages in one call; lists are fetched when there are none. Raise HostError when a mirror is out of reach."""
    if not any(_LISTS.glob("*_Packages*")):
        _apt("update")
    run(["dpkg", "--configure", "-a"], timeout_seconds=_SECONDS)
    _apt("--no-install-recommends", "install", *sorted(names))


def remove(names: Iterable[str]) -> None:
    """Remove packages; their configuration stays."""
    _apt("remove", *sorted(names))


def purge(names: Iterable[str]) -> None:
    """Remove those of the packages that are installed, with their configuration."""
    present = sorted(installed_packages() & set(names))
    if present:
        run(["dpkg", "--configure", "-a"], timeout_seconds=_SECONDS)
        units = _units_of(present)
        # Not every package stops what it started, and systemd remembers what failed.
        run(["systemctl", "stop", *units], timeout_seconds=_SECONDS, allowed_codes=range(256))
        _apt("purge", *present)
        run(["systemctl", "daemon-reload"], timeout_seconds=_SECONDS)
        run(["systemctl", "reset-failed", *units], timeout_seconds=_SECONDS, allowed_codes=range(256))


def _units_of(names: Iterable[str]) -> list[str]:
    """Return the units that packages brought; templates are none."""
    files = run(["dpkg", "--listfiles", *names], timeout_seconds=_SECONDS).stdout.decode(errors="replace").splitlines()
    units = {Path(file).name for file in files if "/systemd/system/" in file}
    return sorted(unit for unit in units if unit.endswith((".service", ".timer", ".socket", ".path")) and "@" not in unit)


def with_what_came_along(names: Iterable[str], ours: Iterable[str], needed: Iterable[str]) -> list[str]:
    """Return packages, and those of ours that came along with them; all of ours when none is `needed` any more."""
    names, ours = set(names), set(ours)
    if not ours & set(needed):
        return sorted(ours)
    said = run(["apt-get", "--simulate", "--auto-remove", "purge", *sorted(names)], timeout_seconds=_SECONDS).stdout
    going = {line.split()[1] for line in said.decode(errors="replace").splitlines() if line.startswith(("Remv ", "Purg "))}
    return sorted((going & ours) | names)


def require_alone(names: Iterable[str]) -> None:
    """Raise Refused when packages cannot be removed without others that the site has and that need them, naming these."""
    wanted = sorted(names)
    said = run(["apt-get", "--simulate", "remove", *wanted], timeout_seconds=_SECONDS).stdout.decode(errors="replace")
    going = {line.split()[1].partition(":")[0] for line in said.splitlines() if line.startswith(("Remv ", "Purg "))}
    if others := sorted(going - set(wanted)):
        what = f"removing {', '.join(wanted)} would remove {', '.join(others)}, which this host has"
        raise Refused(what, where="hardening", hint="remove it yourself when nobody needs it, or waive the control")

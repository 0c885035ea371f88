"""Install and remove Debian packages, and know afterwards exactly which came along."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.hardening.host.facts import installed_packages
from nodeops.host import packages as door
from nodeops.host.command import run

_SECONDS = 840


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except door.PackagesError as error:
        raise HostError(error.what, where="packages", hint=error.hint) from error


def install(names: Iterable[str]) -> None:
    """Install packages in one call. Raise HostError when the mirror is out of reach, or somebody is in the way."""
    with _named():
        door.install(names)


def remove(names: Iterable[str]) -> None:
    """Remove packages; their configuration stays."""
    with _named():
        door.remove(names)


def purge(names: Iterable[str]) -> None:
    """Remove those of the packages that are installed, with their configuration."""
    present = sorted(installed_packages() & set(names))
    if present:
        units = _units_of(present)
        # Not every package stops what it started, and systemd remembers what failed.
        run(["systemctl", "stop", *units], timeout_seconds=_SECONDS, allowed_codes=range(256))
        with _named():
            door.remove(present, purge=True)
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
    going = door.would_remove(["--auto-remove", "purge", *sorted(names)])
    return sorted((going & ours) | names)


def require_alone(names: Iterable[str]) -> None:
    """Raise Refused when packages cannot be removed without others that the site has and that need them, naming these."""
    wanted = sorted(names)
    going = door.would_remove(["remove", *wanted])
    if others := sorted(going - set(wanted)):
        what = f"removing {', '.join(wanted)} would remove {', '.join(others)}, which this host has"
        raise Refused(what, where="hardening", hint="remove it yourself when nobody needs it, or waive the control")

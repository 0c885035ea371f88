"""Look at a host before it is patched: what apt would do, what runs on replaced files, is a reboot due, is there room."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from nodeops.core.errors import HostError
from nodeops.host import packages
from nodeops.host.command import run
from nodeops.host.mapped import Mapped, mapped
from nodeops.lifecycle.patch.answers import Offer, Size, offers, removals, security_above, sizes
from nodeops.lifecycle.patch.policy import MANAGER, Kind, Place, Seen, Update, chosen, kernel_due, updates_of

_SECONDS = 120.0
_PLACES = ("/usr", "/var/cache/apt/archives", "/boot")
_MARKER = Path("/run/reboot-required")
_BOOT = Path("/boot")
_KERNEL = "vmlinuz-"


@contextmanager
def named() -> Iterator[None]:
    """Turn errors of the door to packages into ours."""
    try:
        yield
    except packages.PackagesError as error:
        raise HostError(error.what, where="packages", hint=error.hint) from error


def observe(kind: Kind) -> Seen:
    """Return what a run for `kind` would find on this host. Changes nothing. Raise HostError without root, apt or systemd."""
    if os.geteuid() != 0:
        raise HostError("what other users' processes run on is for root to see", where="patch", hint="run with sudo")
    with named():
        updates, refused = _pending()
        preview, more = _preview(chosen(updates, kind))
        unfinished = packages.unfinished()
    processes = list(mapped())
    return Seen(
        updates=updates,
        unfinished=unfinished,
        refused=refused or more,
        stale=stale(processes),
        users=_users(processes) if preview else {},
        reboot=_reboot(),
        preview=preview,
        sizes=_sizes(preview),
        places=[_place(path) for path in _PLACES if Path(path).is_dir()],
    )


def _pending() -> tuple[list[Update], str]:
    """Return all pending updates, and apt's words where it would upgrade nothing at all."""
    full = packages.simulated(["dist-upgrade", "--ignore-hold"])
    if full.returncode:
        return [], _words(full.stderr)
    everything = offers(full.stdout)
    if not everything:
        return [], ""
    doable = offers(packages.simulated(["--with-new-pkgs", "upgrade"]).stdout)
    above = security_above(_said(["apt-cache", "policy", *(one.name for one in everything if one.installed)]))
    return updates_of(everything, [one.name for one in doable], packages.held(), above, removals(full.stdout)), ""


def _preview(pins: Mapping[str, str]) -> tuple[list[Offer], str]:
    if not pins:
        return [], ""
    done = packages.simulated(["--no-remove", "install", *(f"{name}={version}" for name, version in sorted(pins.items()))])
    return (offers(done.stdout), "") if done.returncode == 0 else ([], _words(done.stderr))


def _sizes(preview: Sequence[Offer]) -> Mapping[str, Size]:
    wanted = [f"{one.name}={one.candidate}" for one in preview]
    return sizes(_said(["apt-cache", "show", "--no-all-versions", *wanted])) if wanted else {}


def _said(argv: Sequence[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    # dpkg-query leaves with 1 when one of many names is unknown, and still answers the rest.
    return run(argv, timeout_seconds=_SECONDS, environment=environment, allowed_codes=(0, 1)).stdout.decode(errors="replace")


def _words(text: str) -> str:
    return " ".join(text.split())[-500:] or "apt-get would upgrade nothing"


def stale(processes: Iterable[Mapped]) -> dict[str, list[str]]:
    """Return the running services that run on replaced files, with these files; logins and what runs once are none."""
    touched = [one for one in processes if one.replaced and _is_service(one.unit)]
    facts = _units({one.unit for one in touched} - {MANAGER})
    found: dict[str, set[str]] = {}
    for one in touched:
        kind, kill, main = facts.get(one.unit, ("", "", "1"))
        # Where only the main process is stopped, others are sessions that outlive a restart: sshd's.
        if kind != "oneshot" and (kill != "process" or main == str(one.pid)):
            found.setdefault(one.unit, set()).update(one.replaced)
    return {unit: sorted(files) for unit, files in sorted(found.items())}


def _is_service(unit: str) -> bool:
    return unit.endswith(".service") or unit == MANAGER


def _units(names: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Return type, way of stopping and main process of units."""
    wanted = sorted(names)
    if not wanted:
        return {}
    text = _said(["systemctl", "show", "--property=Id,Type,KillMode,MainPID", *wanted])
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.strip().split("\n\n")]
    return {one["Id"]: (one.get("Type", ""), one.get("KillMode", ""), one.get("MainPID", "")) for one in blocks if "Id" in one}


def _users(processes: Sequence[Mapped]) -> dict[str, list[str]]:
    """Return the services that use files of each package."""
    units: dict[str, set[str]] = {}
    for one in processes:
        if _is_service(one.unit):
            for file in one.files:
                units.setdefault(file, set()).add(one.unit)
    found: dict[str, set[str]] = {}
    for file, owner in _owners(list(units)):
        found.setdefault(owner, set()).update(units[file])
    return {owner: sorted(names) for owner, names in found.items()}


def _owners(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield files with the packages they belong to. Where /lib became a link, dpkg may know a file by its older name."""
    spellings = {file.removeprefix("/usr"): file for file in files} | {file: file for file in files}
    for line in _said(["dpkg-query", "--search", *sorted(spellings)]).splitlines() if spellings else ():
        owners, _, path = line.rpartition(": ")
        for owner in owners.split(", "):
            if path in spellings:
                yield spellings[path], owner.partition(":")[0]


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of packages as dpkg has them now."""
    wanted = sorted(names)
    rows = _said(["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *wanted]).splitlines() if wanted else []
    return dict(row.split(" ", 1) for row in rows)


def _reboot() -> list[str]:
    """Return why this host wants a reboot."""
    kernels = {path.name.removeprefix(_KERNEL): path.stat().st_ctime for path in _BOOT.glob(f"{_KERNEL}*")}
    due = kernel_due(os.uname().release, kernels, psutil.boot_time())
    if _MARKER.exists():
        by = _MARKER.with_name("reboot-required.pkgs")
        names = sorted(set(by.read_text(encoding="utf-8", errors="replace").split())) if by.is_file() else []
        due.append(f"{_MARKER} is there" + (f", for {', '.join(names)}" if names else ""))
    return due


def _place(path: str) -> Place:
    return Place(path, Path(path).stat().st_dev, shutil.disk_usage(path).free)


def lists_time() -> float | None:
    """Return when the lists of packages were last refreshed, in Unix seconds; None when there are none."""
    age = packages.lists_age_seconds()
    return None if age == float("inf") else time.time() - age

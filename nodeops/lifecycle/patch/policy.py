"""Decide what a patch run does on one host, what it leaves out, and what refuses it. Pure."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Literal

from nodeops.core.result import Change
from nodeops.core.units import size
from nodeops.document.patch_windows import Opening
from nodeops.lifecycle.patch.answers import Offer, Size

Kind = Literal["security", "all"]

# What a kernel needs in /boot besides its own files: the initial filesystem that is made for it.
KERNEL_BOOT_BYTES = 160 << 20
MANAGER = "init.scope"


@dataclass(frozen=True)
class Update:
    """One pending update. `left` says why it is left out and what to do; empty when it can be installed."""

    name: str
    installed: str
    candidate: str
    security: bool
    left: str = ""


@dataclass(frozen=True)
class Place:
    """A directory that a patch run writes to: the device of its filesystem, and the bytes that are free there."""

    path: str
    device: int
    free: int


@dataclass(frozen=True)
class Seen:
    """A host before it is patched.

    `stale` are units that run on replaced files, with these files; `users` the units that use a package's files; `preview`
    is what apt would do with the updates that were chosen, `sizes` how large that is, `refused` apt's words when it would not.
    """

    updates: Sequence[Update] = ()
    unfinished: Sequence[str] = ()
    refused: str = ""
    stale: Mapping[str, Sequence[str]] = field(default_factory=dict)
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reboot: Sequence[str] = ()
    preview: Sequence[Offer] = ()
    sizes: Mapping[str, Size] = field(default_factory=dict)
    places: Sequence[Place] = ()


@dataclass(frozen=True)
class Asked:
    """What the operator asked for. `outside` is the reason to patch while no window is open.

    `later` leaves a reboot, and the restarts that it brings anyway, to the call that follows.
    """

    kind: Kind = "security"
    reboot: bool = False
    later: bool = False
    outside: str = ""


@dataclass(frozen=True)
class No:
    """Why nothing may be done: the id of the finding, what was expected and found, and what to do."""

    id: str
    expected: str
    actual: str
    hint: str


@dataclass(frozen=True)
class Plan:
    """What a run does, in this order: finish, upgrade, restart services, restart the ledger, reboot; or why it does nothing."""

    unfinished: Sequence[str]
    upgrades: Sequence[Offer]
    services: Mapping[str, str]
    ledger: str
    reboot: Sequence[str]
    refusals: Sequence[No]
    ledger_unit: str = ""

    @property
    def stops_the_node(self) -> bool:
        """Tell whether a node takes no part in its chain for a while."""
        return bool(self.ledger or (self.reboot and self.ledger_unit))

    @property
    def changes(self) -> list[Change]:
        """Return the plan as changes, for people and for Ansible."""
        through = ["through the quorum gate"] if self.ledger_unit else []
        return [
            *(Change(f"finish {name}", "an earlier run was interrupted") for name in self.unfinished),
            *(Change(f"upgrade {one.name}", one.origins, one.installed, one.candidate) for one in self.upgrades),
            *(Change(f"restart {unit}", why) for unit, why in self.services.items()),
            *([Change(f"restart {self.ledger_unit}", f"{self.ledger}; through the quorum gate")] if self.ledger else []),
            *([Change("reboot", "; ".join([*self.reboot, *through]))] if self.reboot else []),
        ]


def updates_of(
    everything: Sequence[Offer], doable: Iterable[str], held: Iterable[str], above: Iterable[str], removed: Sequence[str]
) -> list[Update]:
    """Return all pending updates: what a full upgrade would install, and why not where it is not `doable` without a removal.

    `above` are packages with a security version above the installed one, `removed` what a full upgrade would remove.
    """
    doable, held, above = set(doable), set(held), set(above)
    return [
        Update(one.name, one.installed, one.candidate, one.security or one.name in above, _left(one.name, doable, held, removed))
        for one in everything
        if one.installed
    ]


def _left(name: str, doable: set[str], held: set[str], removed: Sequence[str]) -> str:
    if name in held:
        return f"held by somebody: ask why, then apt-mark unhold {name}"
    if name in doable:
        return ""
    going = f"it would remove {', '.join(removed)}" if removed else "it needs what cannot be installed"
    return f"{going}: do it by hand when nobody needs that, apt-get install {name}"


def chosen(updates: Iterable[Update], kind: Kind) -> dict[str, str]:
    """Return the versions to install by package: what is asked for and not left out."""
    return {one.name: one.candidate for one in updates if not one.left and (kind == "all" or one.security)}


def decide(seen: Seen, asked: Asked, ledger_unit: str, opening: Opening, reserve: int) -> Plan:
    """Return what is done on a host. `ledger_unit` is empty where no ledger runs; `reserve` are the bytes that must stay free on
    each filesystem.

    Which services need a restart is a forecast from the files they use: after the upgrade it is looked at anew.
    """
    kept = {**dict.fromkeys(seen.stale, "it runs on replaced files"), **_forecast(seen)}
    services = {unit: why for unit, why in sorted(kept.items()) if kept_until(unit) is None and unit != ledger_unit}
    ledger, reboot = kept.get(ledger_unit, ""), due(seen.reboot, kept) if asked.reboot else []
    if reboot:
        # The reboot starts all of them anew: one stop of the ledger instead of two.
        services, ledger = {}, ""
    plan = Plan(seen.unfinished, seen.preview, services, ledger, reboot, (), ledger_unit)
    return plan if not plan.changes and not seen.refused else _judged(plan, seen, asked, opening, reserve)


def due(reasons: Sequence[str], kept: Iterable[str]) -> list[str]:
    """Return why a reboot is due: the host's own reasons, and services that nothing else brings anew."""
    return [*reasons, *(f"{unit} runs on replaced files until a reboot" for unit in sorted(kept) if kept_until(unit) == "reboot")]


def _judged(plan: Plan, seen: Seen, asked: Asked, opening: Opening, reserve: int) -> Plan:
    refusals = [*_broken(seen), *_full(seen, reserve), *([] if asked.outside else _closed(opening))]
    return Plan(plan.unfinished, plan.upgrades, plan.services, plan.ledger, plan.reboot, refusals, plan.ledger_unit)


def _forecast(seen: Seen) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for one in seen.preview:
        for unit in seen.users.get(one.name, ()):
            found.setdefault(unit, []).append(one.name)
    return {unit: f"it uses {', '.join(sorted(names))}" for unit, names in found.items()}


def _broken(seen: Seen) -> Iterable[No]:
    # What was only interrupted is finished first, and looked at again.
    if seen.refused and not seen.unfinished:
        hint = "mend it: dpkg --audit, apt-get check; then run again"
        yield No("patch.dpkg", "the package manager can upgrade", seen.refused, hint)


def _closed(opening: Opening) -> Iterable[No]:
    if not opening.open:
        then = (
            f"wait until {opening.next:%a %Y-%m-%d %H:%M} UTC"
            if opening.next
            else "no window opens within a year: mend the windows"
        )
        yield No("patch.window", "a window of the organisation is open", opening.why, f"{then}, or --outside-window REASON")


def _full(seen: Seen, reserve: int) -> Iterable[No]:
    """Refuse where a filesystem would be left with less than the reserve while new files lie beside the old ones."""
    needs = needed(seen.preview, seen.sizes)
    for device in sorted({place.device for place in seen.places}):
        here = [place for place in seen.places if place.device == device and place.path in needs]
        need = sum(needs[place.path] for place in here)
        least = reserve if any(place.path != "/boot" for place in here) else 0
        if need and min(place.free for place in here) < need + least:
            paths = ", ".join(place.path for place in here)
            expected = f"{size(need)} for the upgrade and {size(least)} besides (min_free_bytes)"
            yield No("patch.disk", expected, f"{paths}: {size(here[0].free)} free", "make room: apt-get clean, nodeops disk plan")


def needed(preview: Iterable[Offer], known: Mapping[str, Size]) -> dict[str, int]:
    """Return how many bytes an upgrade needs at each place at most."""
    rows = [(one, known.get(f"{one.name.partition(':')[0]}={one.candidate}", Size(0, 0))) for one in preview]
    kernels = sum(one.name.startswith("linux-image-") and not one.installed for one, _ in rows)
    return {
        "/usr": sum(row.unpacked for _, row in rows),
        "/var/cache/apt/archives": sum(row.download for _, row in rows),
        "/boot": kernels * KERNEL_BOOT_BYTES,
    }


@cache
def _kept_rules() -> list[dict[str, str]]:
    text = (resources.files("nodeops.lifecycle.patch") / "services.toml").read_text(encoding="utf-8")
    rules: list[dict[str, str]] = tomllib.loads(text)["kept"]
    return rules


def kept_until(unit: str) -> str | None:
    """Return what brings a unit anew that must not be restarted ("reboot", "logout"); None for one that may be."""
    return next((rule["until"] for rule in _kept_rules() if fnmatchcase(unit, rule["unit"])), None)


def kernel_due(running: str, installed: Mapping[str, float], booted: float) -> list[str]:
    """Return why the kernel wants a reboot. `installed` are kernels with the time of their file; none: another machine's.

    Only kernels of the same flavour count (amd64, cloud-amd64), newer ones and the running one when it was replaced.
    """
    flavour, due = _flavour(running), []
    same = [name for name in installed if _flavour(name) == flavour]
    newest = max(same, key=_number, default=running)
    if same and _number(newest) > _number(running):
        due.append(f"kernel {newest} is installed, {running} runs")
    elif installed.get(running, 0.0) > booted:
        due.append(f"kernel {running} was replaced since the boot")
    return due


def _flavour(release: str) -> str:
    """Return what follows the last number between dashes: 6.1.0-28-cloud-amd64 -> cloud-amd64."""
    found = re.search(r"-([a-z][a-z0-9-]*)$", release)
    return found[1] if found else ""


def _number(release: str) -> list[int]:
    return [int(piece) for piece in re.findall(r"\d+", release.removesuffix(_flavour(release)))]


def remembered(before: Mapping[str, float], updates: Iterable[Update], now: float) -> dict[str, float]:
    """Return since when each security update is pending: a newer version of a patch does not make the hole younger."""
    return {one.name: min(before.get(one.name, now), now) for one in updates if one.security}


def spoken(moment: float) -> str:
    """Return a moment in Unix seconds as a person reads it."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"

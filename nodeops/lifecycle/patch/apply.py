"""Patch one host: finish what was interrupted, upgrade, restart what runs on replaced files, the ledger and a reboot by the gate.

Each step is complete by itself and found again by the next run: what is pending, unfinished, or runs on replaced files is
looked at on the host, not remembered. Only a reboot is: what the node did before it must come back.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError, NodeopsError, Refused, Timeout
from nodeops.core.result import Change
from nodeops.document.models import HostDocument, NodeDocument
from nodeops.document.patch_windows import opening
from nodeops.host import packages, upgrade
from nodeops.host.command import run
from nodeops.host.trial import turn
from nodeops.host.units import systemd
from nodeops.ledger.node.rejoin import Part, await_listening, part_taken, rejoin
from nodeops.lifecycle.patch import memory
from nodeops.lifecycle.patch.observe import installed_versions, lists_time, named, observe
from nodeops.lifecycle.patch.policy import MANAGER, Asked, Plan, Seen, decide
from nodeops.lifecycle.patch.services import lasting, see_running
from nodeops.lifecycle.patch.view import LISTS_SECONDS
from nodeops.lifecycle.restart import restart
from nodeops.quorum import leave
from nodeops.quorum.lease import hold
from nodeops.quorum.policy import Passage

LISTS_FRESH_SECONDS = 3600.0
AWAITED = Change("wait for the host", "it was rebooted")
_REBOOT_DELAY_SECONDS = 2
# What an upgrade and a reboot may take; a run that is killed leaves a lease that ends then.
_LEASE_SECONDS, _REASON = 1800, "patch"
_ACTION_SECONDS = 60.0
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Run:
    """One run on this host: what was asked for, who answers at the gate, and the seconds the host gets to be as before.

    `gate` None: no ledger runs here, so nobody is asked for leave and nothing is leased.
    """

    document: HostDocument
    asked: Asked
    gate: leave.Gate | None
    timeout_seconds: float
    report: Callable[[str], None]


@dataclass(frozen=True)
class LeasedGate:
    """A gate behind which the lease of this run must hold still: leave may take longer, and then others may have the power."""

    behind: leave.Gate
    held: hold.Held

    @property
    def node(self) -> NodeDocument:
        """Return whose leave is asked for."""
        return self.behind.node

    def wait(self, report: Callable[[str], None]) -> Passage:
        """Return once this node may be restarted. Raise as the gate does, Refused where the lease has ended."""
        found = self.behind.wait(report)
        self.held.require()
        return found

    def spare(self, report: Callable[[str], None]) -> Passage:
        """Return once the others can do without this node. Raise as `wait` does."""
        found = self.behind.spare(report)
        self.held.require()
        return found


def refreshed(report: Callable[[str], None]) -> str:
    """Refresh the lists when they are older than an hour. Return what went wrong, where lists that are old must do."""
    report("refreshing the lists of packages")
    with named():
        return packages.refresh(LISTS_FRESH_SECONDS)


def look(document: HostDocument, asked: Asked) -> tuple[Seen, Plan]:
    """Return what is on this host, and what a run would do. Changes nothing."""
    seen = observe(asked.kind)
    patching = document.organisations[document.own.organisation].patching
    ledger_unit = document.ledger.unit if isinstance(document, NodeDocument) else ""
    return seen, decide(seen, asked, ledger_unit, opening(patching, datetime.now(UTC)), document.limits.min_free_bytes)


def apply(work: Run, wait_seconds: float) -> tuple[list[Change], bool]:
    """Patch this host, and return what was done, and whether a reboot was asked for and is due still.

    Raise Refused, with nothing changed, where the plan is refused or the others need this node; HostError with the package
    manager's words when a package fails, or naming a service that did; Timeout when the host is not as before.
    """
    folder = memory.folder_of(work.document)
    with turn("patch", folder, wait_seconds):
        done = [AWAITED] if await_part(work.document, work.timeout_seconds, work.report) else []
        _require_lists()
        plan = _required(work)
        part = _part(work) if plan.changes else None
        leased = work.gate.node if work.gate and part and part.votes else None
        held = hold.begin(leased, _LEASE_SECONDS, _REASON, work.report) if leased else None
        work = replace(work, gate=LeasedGate(work.gate, held)) if work.gate and held else work
        try:
            with held.renewing() if held else nullcontext():
                if plan.changes:
                    done += _changed(work, plan, part)
                seen, plan = look(work.document, work.asked)
                memory.record(work.document, seen)
                return [*done, *_reboot(work, plan, leased is not None)], bool(plan.reboot)
        finally:
            if leased and memory.reboot_begun(work.document) is None:
                hold.end(leased, _REASON, work.report)


def _part(work: Run) -> Part | None:
    return part_taken(work.gate.node) if work.gate else None


def _changed(work: Run, plan: Plan, part: Part | None) -> list[Change]:
    """Carry out a plan with leave of the gate, and see that this host does what it did before: an upgrade may have hurt what
    nobody restarted."""
    ran = lasting()
    if work.gate:
        work.gate.spare(work.report)
    done = _carry_out(work, plan)
    with _failure_noted(work):
        see_running(ran, work.timeout_seconds, work.report)
    if work.gate and part:
        rejoin(work.gate.node, part, work.timeout_seconds, work.report)
    return done


@contextmanager
def _failure_noted(work: Run) -> Iterator[None]:
    """Write into the book which service does not run after what the block did."""
    try:
        yield
    except NodeopsError as error:
        memory.note(work.document, "failed", {"why": f"{error.where}: {error.what}"})
        raise


def _require_lists() -> None:
    at = lists_time()
    if at is None or time.time() - at > LISTS_SECONDS:
        what = "the lists of packages are too old to say what is pending, and could not be refreshed"
        raise HostError(what, where="packages", hint="see whether the package mirror can be reached: apt-get update")


def _required(work: Run) -> Plan:
    _, plan = look(work.document, work.asked)
    if plan.refusals:
        first, *more = plan.refusals
        what = "; ".join([first.actual, *(no.actual for no in more)])
        raise Refused(f"is not patched: {what}", where=work.document.own.name, allowed=first.expected, hint=first.hint)
    return plan


def _carry_out(work: Run, plan: Plan) -> list[Change]:
    done: list[Change] = []
    if plan.unfinished and not {one.name for one in plan.upgrades} >= set(plan.unfinished):
        work.report("finishing what was interrupted")
        done += [change for change in plan.changes if change.what.startswith("finish ")]
        _noted(work, {"unfinished": list(plan.unfinished)}, packages.finish)
        plan = _required(work)
    if plan.upgrades:
        done += _upgrade(work, plan)
        _, plan = look(work.document, work.asked)
    if plan.services:
        with _failure_noted(work):
            done += _restart_services(plan)
    if plan.ledger and work.gate:
        change = Change(f"restart {plan.ledger_unit}", plan.ledger, "the process that runs", "a new process")
        restart(work.gate, [change], work.timeout_seconds, work.report)
        memory.note(work.document, "restarted", {"units": [plan.ledger_unit]})
        done.append(change)
    return done


def _upgrade(work: Run, plan: Plan) -> list[Change]:
    """Install the versions of the plan; new packages that they need come along by themselves."""
    pins = {one.name: one.candidate for one in plan.upgrades if one.installed}
    work.report(f"upgrading {', '.join(sorted(pins))}")
    data = {
        "class": work.asked.kind,
        "outside_window": work.asked.outside,
        "packages": {one.name: [one.installed, one.candidate] for one in plan.upgrades},
    }
    _noted(work, data, lambda: upgrade.upgrade(pins))
    return [Change(f"upgrade {one.name}", one.origins, one.installed, one.candidate) for one in plan.upgrades]


def _noted(work: Run, data: Mapping[str, Any], act: Callable[[], None]) -> None:
    """Do something that is written down before and after; a run that was killed in the middle leaves the first alone."""
    memory.note(work.document, "begun", data)
    try:
        with named():
            act()
    except NodeopsError as error:
        installed = installed_versions(data.get("packages", ()))
        memory.note(work.document, "failed", {"why": error.what, "installed": installed})
        raise
    memory.note(work.document, "done", data)


def _restart_services(plan: Plan) -> list[Change]:
    """Restart what runs on replaced files, and see that each runs again. Raise HostError for one that does not."""
    units = [unit for unit in plan.services if unit != MANAGER]
    if MANAGER in plan.services:
        systemd.systemctl("daemon-reexec")
    if units:
        systemd.systemctl("try-restart", *units)
    for name in units:
        unit = systemd.unit(name)
        if not unit.active:
            hint = f"journalctl --unit {name} --lines 50"
            raise HostError(f"does not run after its restart: {unit.state}", where=name, hint=hint)
    return [Change(f"restart {unit}", why) for unit, why in plan.services.items()]


def _reboot(work: Run, plan: Plan, leased: bool) -> Sequence[Change]:
    """Reboot with leave of the gate, in a moment, so that this verb still answers. A lease lasts until it is over."""
    if not plan.reboot or work.asked.later:
        return []
    part = _part(work)
    if work.gate:
        work.gate.wait(work.report)
    did = {"height": part.height if part else None, "votes": bool(part and part.votes), "services": lasting()}
    data = {"boot": boot(), **did, "why": list(plan.reboot), "leased": leased}
    memory.begin_reboot(work.document, data)
    memory.note(work.document, "reboot", data)
    delay = [f"--on-active={_REBOOT_DELAY_SECONDS}s", "--timer-property=AccuracySec=100ms", "--collect"]
    try:
        run(["systemd-run", "--quiet", *delay, "systemctl", "reboot"], timeout_seconds=_ACTION_SECONDS)
    except HostError:
        # Nothing will reboot it, so nobody is to wait for that, and its lease ends here.
        memory.end_reboot(work.document)
        raise
    return [Change("reboot", "; ".join(plan.reboot))]


def await_part(document: HostDocument, timeout_seconds: float, report: Callable[[str], None]) -> bool:
    """Wait until a reboot that was begun is over: the node takes part again, what ran before runs. Tell whether there was one.

    Raise Timeout when the host has not rebooted within that time, or is not as before; HostError naming a service that failed.
    """
    begun = memory.reboot_begun(document)
    if begun is None:
        return False
    until = time.monotonic() + timeout_seconds
    while boot() == begun["boot"]:
        if time.monotonic() >= until:
            _over(document, begun, report)
            raise Timeout("did not reboot", where=document.own.name, hint="nodeops patch apply --reboot asks again")
        report("waiting for the reboot")
        time.sleep(_PAUSE_SECONDS)
    if isinstance(document, NodeDocument):
        _listen_and_rejoin(document, begun, max(1.0, until - time.monotonic()), report)
    # A reboot that an older nodeops began remembers no services.
    see_running(begun.get("services", []), max(1.0, until - time.monotonic()), report)
    memory.note(document, "rebooted", {"boot": boot()})
    _over(document, begun, report)
    return True


def _over(document: HostDocument, begun: Mapping[str, Any], report: Callable[[str], None]) -> None:
    """Forget a reboot that is over, or did not come, and give back the lease that was kept for it."""
    memory.end_reboot(document)
    if begun.get("leased") and isinstance(document, NodeDocument):
        hold.end(document, _REASON, report)


def _listen_and_rejoin(node: NodeDocument, begun: Mapping[str, Any], seconds: float, report: Callable[[str], None]) -> None:
    await_listening(node, seconds)
    if begun["height"] is not None:
        rejoin(node, Part(begun["height"], begun["votes"]), seconds, report)


def boot() -> str:
    """Return what names this boot; a container's is that of its first process, because the kernel is another machine's."""
    started = Path("/proc/1/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()}-{started}"

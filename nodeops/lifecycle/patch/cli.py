"""`nodeops patch`: what is pending on this host, what a run would do, the run itself, and what was done."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, WaitOption, emit, working
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result, Table
from nodeops.document.host import load_host_document
from nodeops.document.models import HostDocument, NodeDocument
from nodeops.host.lock import changes_host
from nodeops.host.units import systemd
from nodeops.host.units.service import carry_out, observe, plan_start
from nodeops.lifecycle.patch import apply as acting
from nodeops.lifecycle.patch import memory, view
from nodeops.lifecycle.patch.observe import observe as look_at_host
from nodeops.lifecycle.patch.policy import Asked, Kind, Plan, Seen
from nodeops.quorum import leave
from nodeops.quorum.cli import PATIENCE_SECONDS, ChainStandsFlag, ForceOption, PatienceOption, RollOption, request

app = typer.Typer(no_args_is_help=True)

NO_LEDGER = "no ledger runs here: no quorum to ask, no lease to take"
LOOK, TIMER = "nodeops-patch.service", "nodeops-patch.timer"

ClassOption = Annotated[Kind, typer.Option("--class", help="Which updates: patches of security, or all that are pending.")]
RebootFlag = Annotated[
    bool, typer.Option("--reboot", help="Reboot where a reboot is due; a node once the others can do without it.")
]
OutsideOption = Annotated[
    str, typer.Option("--outside-window", metavar="REASON", help="Patch although no window is open; the reason is written down.")
]
TimeoutOption = Annotated[int, typer.Option("--timeout", min=1, max=86400, help="Seconds that the host gets to be as before.")]
RefreshFlag = Annotated[bool, typer.Option("--refresh", help="Refresh the lists of packages first, when older than an hour.")]


@app.callback()
def patch() -> None:
    """Updates of the operating system: pending, planned, applied."""


@app.command()
def status(refresh: RefreshFlag = False, document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """What is pending, since when, what runs on replaced files, whether a reboot is due; remembered for metrics.

    Exit code 1 when a patch of security is overdue, or the lists are too old to tell."""
    own = load_host_document(document)
    with working("looking at this host") as say:
        trouble = acting.refreshed(say) if refresh else ""
        seen = look_at_host("all")
        said = memory.record(own, seen)
    since = memory.pending_since(own)
    tables = view.table(seen.updates, since)
    emit(Result(said, tables=tables, lines=_lines(trouble), findings=list(view.findings(said, time.time()))), as_json)


def _lines(trouble: str) -> list[str]:
    return [f"lists could not be refreshed: {trouble}"] if trouble else []


@app.command()
def plan(
    kind: ClassOption = "security",
    reboot: RebootFlag = False,
    outside: OutsideOption = "",
    roll: RollOption = "",
    chain_stands: ChainStandsFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Print what apply would do now, and what refuses it: window, disk, package manager. Refreshes the lists of packages.

    Exit code 1 when it would be refused."""
    own = load_host_document()
    with working("looking at this host") as say:
        trouble = acting.refreshed(say)
    gate = leave.Asked(own, request(own, roll, chain_stands), 0) if isinstance(own, NodeDocument) else None
    emit(_would(own, Asked(kind, reboot, outside=outside), gate, trouble), as_json)


def _would(own: HostDocument, asked: Asked, gate: leave.Asked | None, trouble: str = "") -> Result:
    seen, planned = acting.look(own, asked)
    first = [acting.AWAITED] if memory.reboot_begun(own) else []
    lines = [*_lines(trouble), *([_leave(gate)] if planned.changes else [])]
    return _result(seen, planned, lines, [*first, *planned.changes])


def _leave(gate: leave.Asked | None) -> str:
    if gate is None:
        return NO_LEDGER
    found = leave.look(gate.node, gate.request)
    return f"the quorum gate: {found.verdict}, {found.why}"


def _result(seen: Seen, planned: Plan, lines: list[str], changes: list[Change]) -> Result:
    left = [
        Finding("patch.left", Verdict.WARN, "nothing has to be left out", one.name, one.left) for one in seen.updates if one.left
    ]
    data = {"pending": len(seen.updates), "stops_the_node": planned.stops_the_node}
    nothing = [] if changes else ["nothing to do"]
    return Result(data, lines=[*lines, *nothing], findings=[*map(view.refusal, planned.refusals), *left], changes=changes)


@app.command("apply")
def apply_(
    kind: ClassOption = "security",
    reboot: RebootFlag = False,
    later: Annotated[bool, typer.Option("--reboot-later", hidden=True, help="Leave a reboot to the playbook.")] = False,
    outside: OutsideOption = "",
    timeout: TimeoutOption = 300,
    roll: RollOption = "",
    chain_stands: ChainStandsFlag = False,
    force: ForceOption = "",
    patience: PatienceOption = PATIENCE_SECONDS,
    wait: WaitOption = 0.0,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Install what is pending, restart what runs on replaced files, the ledger only when it does and by leave of the quorum gate.
    A host that runs no ledger asks nobody.

    Nothing is changed where a window is closed, the disk is too full, or the others need this node. An interrupted run is
    completed by the next one. A reboot needs its own word."""
    own = load_host_document()
    asked = Asked(kind, reboot, later, outside)
    gate = leave.Asked(own, request(own, roll, chain_stands, force), patience) if isinstance(own, NodeDocument) else None
    if dry_run:
        emit(_would(own, asked, gate), as_json)
        return
    with working("looking at this host") as say:
        trouble = acting.refreshed(say)
        changes, due = acting.apply(acting.Run(own, asked, gate, timeout, say), wait)
    said = memory.last_seen(own) or {}
    lines = _lines(trouble) if changes else [*_lines(trouble), "nothing to do"]
    findings = [one for one in view.findings(said, time.time()) if one.verdict is not Verdict.PASS]
    emit(Result({**said, "reboot_due": due}, lines=lines, findings=list(map(_softened, findings)), changes=changes), as_json)


def _softened(finding: Finding) -> Finding:
    """Return a finding that does not fail: the run did what was asked for, and what is left is no failure of it."""
    verdict = Verdict.WARN if finding.verdict is Verdict.FAIL else finding.verdict
    return Finding(finding.id, verdict, finding.expected, finding.actual, finding.hint)


@app.command(hidden=True)
@changes_host()
def watch(dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the timer that looks at pending updates; where nobody has looked since the boot, begin to. Called by the role."""
    own = load_host_document()
    changes = plan_start(observe(TIMER))
    if not dry_run:
        carry_out(changes)
        if memory.last_seen(own) is None:
            # Not waited for: a mirror that does not answer is no fault of the run.
            systemd.systemctl("start", "--no-block", LOOK)
    emit(Result({}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


@app.command()
def wait(timeout: TimeoutOption = 300, as_json: JsonFlag = False) -> None:
    """Wait until a reboot that apply began is over: the node takes part again, and services that ran before run.
    Exit code 5 when that takes too long."""
    own = load_host_document()
    with working("waiting for the host") as say:
        was = acting.await_part(own, timeout, say)
    emit(Result({"rebooted": was}, lines=["the reboot is over" if was else "no reboot was begun"]), as_json)


@app.command()
def history(as_json: JsonFlag = False) -> None:
    """What was patched on this host, from a book whose lines are chained. Exit code 1 when a line was changed or taken out."""
    notes, problems = memory.history(load_host_document())
    findings = [Finding("patch.history", Verdict.FAIL, "every note follows the one before", one) for one in problems]
    rows = [(f"{datetime.fromtimestamp(one.time, UTC):%Y-%m-%d %H:%M:%S}", one.kind, _told(one.data)) for one in notes]
    data = {"notes": [{**vars(one), "data": dict(one.data)} for one in notes]}
    emit(Result(data, tables=[Table(("time (UTC)", "what", "which"), rows)] if rows else (), findings=findings), as_json)


def _told(data: Any) -> str:
    packages = data.get("packages", {})
    said = [f"{name} {old or 'new'} -> {new}" for name, (old, new) in sorted(packages.items())]
    said += [str(data[key]) for key in ("why", "units", "unfinished") if data.get(key)]
    return "; ".join([*said, *([f"outside of a window: {data['outside_window']}"] if data.get("outside_window") else [])])

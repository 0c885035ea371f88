"""`nodeops disk`: status, plan, forecast, seal, purge, hold, release, verify; and the verbs that units and roles call."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, aside, emit, working
from nodeops.core.errors import HostError, Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result, Table
from nodeops.core.spoken_time import moment
from nodeops.core.units import size
from nodeops.disk.guard import admission, requests, unit
from nodeops.disk.guard.unit import become_guard
from nodeops.disk.log_filesystem import prepare
from nodeops.disk.log_filesystem.plan import STOP
from nodeops.disk.model import Hold
from nodeops.disk.policy.policy import Policy
from nodeops.disk.policy.retention import dumped_holds, loaded_holds, new_hold, released
from nodeops.disk.resolve import policy_of, require_safe
from nodeops.disk.ship.cli import ship_sealed
from nodeops.disk.state import STALE_SECONDS, age_seconds, read_status
from nodeops.disk.verify import verified
from nodeops.disk.view import filesystems_table, findings, log_lines, plan_changes, plan_line
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.clock import host_zone
from nodeops.host.files import write_atomic
from nodeops.host.lock import changes_host, held
from nodeops.host.units.service import carry_out
from nodeops.quorum.cli import PATIENCE_SECONDS, ChainStandsFlag, ForceOption, PatienceOption, RollOption, request
from nodeops.quorum.leave import Asked

app = typer.Typer(no_args_is_help=True)
app.command("ship")(ship_sealed)

_ANSWER_SECONDS = 120.0
# Where several hosts share a machine, as in a lab, a guard may take a while to begin.
_GUARD_SECONDS = 60.0
_PAUSE_SECONDS = 0.2
TimeOption = Annotated[str, typer.Option(metavar="TIME", help="A time such as 2026-11-25 13:00, -2h, today.")]
RestartFlag = Annotated[bool, typer.Option("--restart", help="Stop the node for the seconds this takes, if that is needed.")]


def _root(path: Any) -> NodeDocument:
    if os.geteuid() != 0:
        raise HostError("disks and logs of a host are for root only", where="nodeops disk", hint="run with sudo")
    return load_node_document(path)


def _status(policy: Policy, since: float = 0.0) -> dict[str, Any]:
    """Return the guard's last word. Raise HostError when there is none, it is old or from before `since` (seconds since boot):
    the guard is not at work."""
    said = read_status(Path(policy.status_file))
    if said is None:
        what = "the guard never ran since the boot"
    elif (age := age_seconds(said)) > STALE_SECONDS or said["uptime"] < since:
        what = f"no word for {age:.0f} s"
    else:
        return said
    raise HostError(what, where=unit.GUARD, hint=f"journalctl --unit {unit.GUARD} --lines 20")


@app.command()
def status(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show every filesystem the node needs: how full, which stage, when full, what fills it. Exit code 1 from flood on."""
    said = _status(policy_of(_root(document)))
    emit(Result(said, tables=[filesystems_table(said)], lines=log_lines(said), findings=findings(said)), as_json)


@app.command()
def forecast(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show when each filesystem will be full, with nothing left to purge."""
    said = _status(policy_of(_root(document)))
    rows = [(one["mount"], one["stage"], one["forecast"]["text"]) for one in said["filesystems"]]
    found = {one["mount"]: one["forecast"] for one in said["filesystems"]}
    emit(Result({"forecast": found}, tables=[Table(("filesystem", "stage", "forecast"), rows)]), as_json)


@app.command()
def plan(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Print what the guard would do now, and do nothing."""
    _ask(_root(document), seal=False, purge_bytes=0, dry_run=True, as_json=as_json)


@app.command()
def seal(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Let the guard seal the live log now; not a line is lost, whatever happens meanwhile."""
    _ask(_root(document), seal=True, purge_bytes=0, dry_run=dry_run, as_json=as_json)


@app.command()
def purge(
    mebibytes: Annotated[int, typer.Argument(metavar="MEBIBYTES", min=1, max=1 << 40, help="How much to free, at least.")],
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Let the guard remove the oldest sealed logs now: never the newest, never held ones, never what is still to be shipped."""
    _ask(_root(document), seal=False, purge_bytes=mebibytes << 20, dry_run=dry_run, as_json=as_json)


def _ask(node: NodeDocument, *, seal: bool, purge_bytes: int, dry_run: bool, as_json: bool) -> None:
    policy = policy_of(node)
    _status(policy)
    with working("asking the guard"):
        answer = requests.ask(Path(policy.run), seal, purge_bytes, dry_run, _ANSWER_SECONDS)
    lines = [plan_line(answer["plan"]), *answer["done"]]
    alarms = [Finding("disk.alarm", Verdict.WARN, "every step succeeds", text) for text in answer["alarms"]]
    emit(Result(answer, lines=lines, changes=plan_changes(answer["plan"]), findings=alarms), as_json)


def _holds(policy: Policy) -> list[Hold]:
    path = Path(policy.holds_file)
    return loaded_holds(path.read_bytes(), str(path)) if path.exists() else []


@app.command()
def hold(
    since: TimeOption,
    until: TimeOption,
    owner: Annotated[str, typer.Option(help="Who asks for it.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep what was logged in a time range, whatever fills up, until it is released."""
    policy, now = policy_of(_root(document)), time.time()
    begin, end = moment(since, now, host_zone(), "--since"), moment(until, now, host_zone(), "--until")
    with held(Path(policy.state)):
        present = _holds(policy)
        new = new_hold(begin, end, owner, reason, present, now)
        write_atomic(Path(policy.holds_file), dumped_holds([*present, new]), 0o600)
    emit(Result({"hold": vars(new)}, lines=[f"held: {new.id}"], changes=[Change(f"hold {new.id}", reason)]), as_json)


@app.command()
def release(
    name: Annotated[str, typer.Argument(metavar="HOLD", help="The hold, such as h1; `holds` lists them.")],
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """End a hold: what it kept follows the retention again."""
    policy = policy_of(_root(document))
    with held(Path(policy.state)):
        write_atomic(Path(policy.holds_file), dumped_holds(released(_holds(policy), name)), 0o600)
    emit(Result({}, lines=[f"released: {name}"], changes=[Change(f"release {name}", "asked for")]), as_json)


@app.command("holds")
def list_holds(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """List all holds."""
    found = _holds(policy_of(_root(document)))
    rows = [(one.id, _time(one.since), _time(one.until), one.owner, one.reason) for one in found]
    table = Table(("hold", "since", "until", "owner", "reason"), rows)
    emit(Result({"holds": [vars(one) for one in found]}, tables=[table]), as_json)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


@app.command()
def verify(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Prove that no byte is missing from the first line to the live end, and that every receipt is whole. Reads every segment."""
    policy = policy_of(_root(document))
    with working("reading every segment"):
        proof = verified(policy)
    lines = [f"{size(proof.covered)} of the log are accounted for: {proof.segments} segments, {proof.receipts} receipts"]
    emit(Result(proof.data(), lines=lines, findings=proof.findings), as_json)


@app.command()
def check(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Verify that the guard is at work and may act."""
    policy = policy_of(_root(document))
    require_safe(policy)
    emit(Result({"stages": _stages(_at_work(policy, 0.0))}, lines=["the guard is at work"]), as_json)


def _at_work(policy: Policy, since: float) -> dict[str, Any]:
    """Return the first status from after `since` (seconds since boot). Raise HostError when there is none soon."""
    until = time.monotonic() + _GUARD_SECONDS
    while True:
        try:
            return _status(policy, since)
        except HostError:
            if time.monotonic() >= until:
                raise
            time.sleep(_PAUSE_SECONDS)


def _stages(said: Mapping[str, Any]) -> dict[str, str]:
    return {one["mount"]: one["stage"] for one in said["filesystems"]}


@app.command("prepare")
@changes_host()
def prepare_disks(
    restart: RestartFlag = False,
    unless_running: Annotated[bool, typer.Option("--unless-running", help="Leave it while the node would have to stop.")] = False,
    roll: RollOption = "",
    chain_stands: ChainStandsFlag = False,
    force: ForceOption = "",
    patience: PatienceOption = PATIENCE_SECONDS,
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Give the log a filesystem of its own where one is chosen, and container logs a limit; called by the role.

    Before it stops the node it asks the quorum gate, and waits for its turn."""
    node = _root(document)
    asked = Asked(node, request(node, roll, chain_stands, force), patience)
    _prepared(asked, restart, unless_running, dry_run, as_json)


def _prepared(asked: Asked, restart: bool, unless_running: bool, dry_run: bool, as_json: bool) -> None:
    """Plan and do it, while nobody else changes this host: a device that is formatted twice is lost once."""
    node = asked.node
    changes = prepare.planned(node, restart or unless_running)
    if unless_running and any(change.what == STOP for change in changes):
        emit(Result({"waiting": True}, lines=["the node must stop for this: nodeops disk prepare --restart"]), as_json)
        return
    if changes and not dry_run:
        with working("preparing the log's filesystem") as say:
            prepare.carry_out(node, changes, lambda: asked.wait(say))
    emit(Result({}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


@app.command()
@changes_host()
def start(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the guard, or restart one that is older than its unit, and see it at work; called by the role."""
    node = _root(document)
    policy = policy_of(node)
    require_safe(policy)
    changes = unit.plan(node)
    since = time.clock_gettime(time.CLOCK_BOOTTIME) if changes else 0.0
    if changes and not dry_run:
        carry_out(changes)
    stages = {} if dry_run else _stages(_at_work(policy, since))
    emit(Result({"stages": stages}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


@app.command(hidden=True)
def guard(document: DocumentOption = None) -> None:
    """Be the guard; what the unit nodeops-disk runs."""
    policy = policy_of(_root(document))
    require_safe(policy)
    become_guard(policy)


@app.command(hidden=True)
def admit(document: DocumentOption = None) -> None:
    """Let the ledger start, or refuse; what its unit asks before every start. Says nothing when all is well."""
    policy = policy_of(_root(document))
    said = admission.settle(policy)
    try:
        admission.require_room(policy)
    except Refused as error:
        raise Refused(f"the node may not start: {error.what}", error.where, error.allowed, error.hint) from error
    if said:
        aside(said)

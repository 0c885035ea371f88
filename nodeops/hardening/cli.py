"""`nodeops hardening`: audit, plan, apply on trial, confirm, rollback, undo, explain, list."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, WaitOption, emit, working
from nodeops.core.errors import HostError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.document.host import load_host_document
from nodeops.document.models import HostDocument
from nodeops.hardening.audit.audit import applied_controls, forwarding_notes, named_controls
from nodeops.hardening.audit.audit import audit as audited
from nodeops.hardening.audit.markdown import markdown
from nodeops.hardening.audit.oscal import oscal
from nodeops.hardening.audit.report import Report
from nodeops.hardening.audit.view import controls_table, explanation, ordered, report_data, score_lines
from nodeops.hardening.change import engine, journal
from nodeops.hardening.change import plan as planning
from nodeops.hardening.change.eyes import HostEyes
from nodeops.hardening.change.losers import losers, loss_notes
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.controls.settings import JUDGED_ONLY
from nodeops.hardening.controls.values import expanded
from nodeops.hardening.host.facts import observe_facts
from nodeops.hardening.summary import record_score
from nodeops.host.lock import changes_host, held
from nodeops.host.trial import Trial

app = typer.Typer(no_args_is_help=True)

ControlsArgument = Annotated[list[str] | None, typer.Argument(metavar="[CONTROL]...", help="Only these controls.")]
FormatOption = Annotated[
    Literal["table", "json", "markdown", "oscal"], typer.Option("--format", help="How the report is written.")
]
ConsoleFlag = Annotated[bool, typer.Option("--console", help="You sit at a console: no new SSH session vouches for the change.")]
TokenArgument = Annotated[str, typer.Argument(help="The token that apply or undo printed.")]


def _document(path: Any) -> HostDocument:
    if os.geteuid() != 0:
        raise HostError("a host's security settings are for root only", where="nodeops hardening", hint="run with sudo")
    return load_host_document(path)


@app.command()
def audit(
    controls: ControlsArgument = None, form: FormatOption = "table", document: DocumentOption = None, as_json: JsonFlag = False
) -> None:
    """Judge every control against what is live. Changes nothing. Exit code 1 when one fails."""
    node = _document(document)
    with working("looking at this host"):
        report = audited(node, controls or [])
    if not controls:
        record_score(node, report)
    findings = [one.finding() for one in ordered(report.judged)]
    if form in ("markdown", "oscal") and not as_json:
        text = markdown(report) if form == "markdown" else json.dumps(oscal(report), indent=2)
        emit(Result({}, lines=text.splitlines()))
        raise typer.Exit(int(any(finding.verdict is Verdict.FAIL for finding in findings)))
    emit(Result(report_data(report), lines=score_lines(report), findings=findings), as_json or form == "json")


@app.command()
def plan(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Print what apply would change, and do nothing."""
    node = _document(document)
    emit(_would(node, _applying(node)), as_json)


def _would(node: HostDocument, planned: engine.Planned) -> Result:
    found = planned(observe_facts(), engine.kept(node))
    changes = planning.changes(found)
    notes = [*found.notes, *found.skipped, *loss_notes(node, losers(found.steps))]
    return Result({"trial": None}, lines=[*notes, *([] if changes else ["nothing to do"])], changes=changes)


def _applying(node: HostDocument) -> engine.Planned:
    def planned(facts: Facts, old: planning.Kept) -> planning.Plan:
        return planning.plan(applied_controls(node, facts), facts, old, HostEyes(), forwarding_notes(node, facts))

    return planned


def _undoing(node: HostDocument, names: Sequence[str]) -> engine.Planned:
    """Return how an undo is planned: what else is applied stays as it is, whether it fits or is waived by now or not."""

    def planned(facts: Facts, old: planning.Kept) -> planning.Plan:
        left, undone = ([name for name in old.applied if (name in names) is gone] for gone in (False, True))
        controls = [[expanded(catalogue()[name], node) for name in each if name in catalogue()] for each in (left, undone)]
        return planning.undo_plan(controls[0], controls[1], facts, old, HostEyes())

    return planned


@app.command()
def apply(
    wait: WaitOption = 0.0, document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False
) -> None:
    """Apply every control that fits and is not waived, on trial: undone unless `confirm` comes in time."""
    node = _document(document)
    if dry_run:
        emit(_would(node, _applying(node)), as_json)
        return
    with engine.at_work(node, wait) as folder:
        found, begun = _change(node, folder, _applying(node))
        report = audited(node)
        record_score(node, report)
        emit(_applied(found, begun, [_softened(one) for one in _loud(report)], report), as_json)


def _change(node: HostDocument, folder: Any, planned: engine.Planned) -> tuple[planning.Plan, Trial | None]:
    with working("looking at this host") as say:
        return engine.change(node, folder, planned, say)


def _loud(report: Report) -> list[Finding]:
    quiet = (Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.NOT_TESTABLE_HERE)
    return [one.finding() for one in ordered(report.judged) if one.verdict not in quiet]


def _softened(finding: Finding) -> Finding:
    """What no apply can put right is for a person, and no reason to take everything else back."""
    only_judged = all(isinstance(setting, JUDGED_ONLY) for setting in catalogue()[finding.id].sets)
    return replace(finding, verdict=Verdict.WARN) if only_judged and finding.verdict is Verdict.FAIL else finding


def _applied(found: planning.Plan, begun: Trial | None, findings: list[Finding], report: Report | None) -> Result:
    changes = planning.changes(found) if begun else []
    data: dict[str, Any] = {"trial": None, "score": report.score_percent if report else None}
    lines = [*found.notes, *found.skipped, *(score_lines(report) if report else [])]
    if begun:
        seconds = int(begun.remaining_seconds)
        data["trial"] = {"token": begun.token, "seconds": seconds}
        lines.append(f"on trial for {seconds} s; keep it from a new SSH login: sudo nodeops hardening confirm {begun.token}")
    return Result(data, lines=lines, findings=findings, changes=changes)


@app.command()
@changes_host()
def confirm(
    token: TokenArgument, at_console: ConsoleFlag = False, document: DocumentOption = None, as_json: JsonFlag = False
) -> None:
    """Keep the change on trial: this login began after it, so operators still get in and sudo works."""
    node = _document(document)
    folder = journal.folder_of(node)
    with held(folder):
        engine.confirm(folder, token, at_console)
    emit(Result({"trial": None}, lines=["kept"]), as_json)


@app.command()
def rollback(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Take back the change on trial now; the timer of a trial calls this too."""
    node = _document(document)
    folder = journal.folder_of(node)
    with held(folder):
        done = engine.roll_back(folder)
    emit(Result({"trial": None}, lines=["taken back" if done else "nothing is on trial"]), as_json)


@app.command()
def undo(
    controls: ControlsArgument = None,
    at_console: ConsoleFlag = False,
    wait: WaitOption = 0.0,
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Give the original bytes, modes and live values of these controls back, all when none is named. On trial like apply."""
    node = _document(document)
    planned = _undoing(node, list(named_controls(controls or [])))
    if dry_run:
        emit(_would(node, planned), as_json)
        return
    with engine.at_work(node, wait) as folder:
        found, begun = _change(node, folder, planned)
        if begun and at_console:
            engine.confirm(folder, begun.token, at_console)
            begun = None
        emit(_applied(found, begun, [], None), as_json)


@app.command()
def recover(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """End what was interrupted: a change that nobody confirmed is taken back. Run at boot."""
    node = _document(document)
    folder = journal.folder_of(node)
    with held(folder):
        done = engine.recover(folder)
    emit(Result({"trial": None}, lines=["what was interrupted is settled" if done else "nothing was interrupted"]), as_json)


@app.command()
def explain(control: Annotated[str, typer.Argument(help="Id of a control.")], as_json: JsonFlag = False) -> None:
    """Say what a control sets, why, who else asks for it, and what it could break."""
    (found,) = named_controls([control]).values()
    emit(Result({"control": found.model_dump(mode="json")}, lines=explanation(found)), as_json)


@app.command("list")
def list_controls(as_json: JsonFlag = False) -> None:
    """List all controls."""
    found = catalogue().values()
    emit(Result({"controls": [one.model_dump(mode="json") for one in found]}, tables=[controls_table(found)]), as_json)

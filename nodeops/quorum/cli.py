"""`nodeops quorum`: ask the chain before a node stops."""

from datetime import UTC, datetime
from types import ModuleType
from typing import Annotated

import typer

from nodeops.console import DocumentOption, JsonFlag, emit, working
from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.reason import forced_reason
from nodeops.core.result import Result, Table
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.driver import driver_for
from nodeops.quorum.lease.cli import app as lease_app
from nodeops.quorum.leave import forced, observe
from nodeops.quorum.policy import Passage, Request, elsewhere, passage

_EXPECTED = "the chain goes on without this node"
app = typer.Typer(no_args_is_help=True)
app.add_typer(lease_app, name="lease")


@app.callback()
def quorum() -> None:
    """What the chain can spare."""


RollOption = Annotated[
    str,
    typer.Option(
        "--roll",
        metavar="ORGANISATIONS",
        help="Whose nodes the caller restarts one at a time (a,b): among them no turn is waited for.",
    ),
]
ChainStandsFlag = Annotated[
    bool,
    typer.Option(
        "--chain-stands", help="Also where the chain stands still or the ledger does not answer: the mend, or a second blow."
    ),
]
ForceOption = Annotated[
    str,
    typer.Option(
        "--force",
        metavar="REASON",
        callback=forced_reason,
        help="Break the glass: whatever the gate says, leases and quorum. The reason is written down (nodeops quorum history).",
    ),
]
PatienceOption = Annotated[int, typer.Option("--patience", min=1, max=86400, help="Seconds to wait for leave to stop.")]
PATIENCE_SECONDS = 1800
# Who asks may have little time left: an answer that comes later is none.
_QUESTION_SECONDS = 3.0


@app.command()
def gate(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Tell whether this node may stop without halting the chain. Exit code 1 while the others need it, or while others have
    their turn: nodes that must stop at the same time do so one after the other. The disk guard asks this at its last resort,
    so leases do not count here."""
    node = load_node_document(document)
    seen = observe(node, driver_for(node, _QUESTION_SECONDS))
    found = passage(seen, load_profile(node.ledger.platform).quorum, node.ledger.block_seconds)
    data = {"verdict": found.verdict, "why": found.why, "height": found.height}
    emit(Result(data, findings=[_finding(found)]), as_json)


@app.command()
def status(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show power, who signs, what is needed, what may still be lost, leases, and who may go. Exit code 1 without margin."""
    sight = _sight()
    with working("asking the ledger"):
        seen = sight.looked(load_node_document(document))
    emit(sight.status_of(seen), as_json)


@app.command()
def check(
    down: Annotated[
        list[str], typer.Option("--down", metavar="NODE", help="A node that would be away; again for more at the same time.")
    ],
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell whether blocks go on without these nodes, and without those under leases. Exit code 1 when not. Changes nothing."""
    node = load_node_document(document)
    names = list(dict.fromkeys(name for word in down for name in word.split(",") if name))
    _require_members(node, names)
    with working("asking the ledger"):
        sight = _sight().looked(node)
    found = sight.outlook
    said, allowed = found.said(names), found.allows(names)
    hint = "ask again when others are back, or their leases end: nodeops quorum status"
    verdict = Verdict.PASS if allowed else Verdict.FAIL
    finding = Finding("quorum.check", verdict, "the chain goes on without them", said, hint)
    data = {"down": names, "allowed": allowed, "live": found.live, "needed": found.needed, "left": found.left(names)}
    emit(Result(data, findings=[finding, *sight.findings]), as_json)


def _sight() -> ModuleType:
    # start-up: whoever imports this room's options need not read the ledger's authors
    from nodeops.quorum import sight

    return sight


def _require_members(node: NodeDocument, names: list[str]) -> None:
    known = [one.name for one in node.members]
    strange = [name for name in names if name not in known]
    if strange or not names:
        raise InputError(f"{', '.join(map(ascii, strange)) or 'nothing'}: no node", where="--down", allowed=", ".join(known))


@app.command()
def history(as_json: JsonFlag = False) -> None:
    """Show when the gate was passed on this host against its word, and why. Exit code 1 when a line was changed or taken out."""
    notes, problems = forced(load_node_document())
    findings = [Finding("quorum.history", Verdict.FAIL, "every note follows the one before", one) for one in problems]
    rows = [(f"{datetime.fromtimestamp(one.time, UTC):%Y-%m-%d %H:%M:%S}", one.data["reason"], one.data["gate"]) for one in notes]
    data = {"notes": [{**vars(one), "data": dict(one.data)} for one in notes]}
    tables = [Table(("time (UTC)", "reason", "the gate said"), rows)] if rows else []
    emit(Result(data, tables, [] if rows else ["the gate was never forced here"], findings), as_json)


def request(node: NodeDocument, roll: str = "", chain_stands: bool = False, force: str = "") -> Request:
    """Return what is asked of the gate by a verb with these options."""
    return Request(elsewhere(node.members, roll.split(",")) if roll else None, chain_stands, force)


def _finding(found: Passage) -> Finding:
    verdict = Verdict.PASS if found.verdict == "open" else Verdict.FAIL
    hint = {"wait": "ask again then", "closed": "bring other validators back first: nodeops ledger validators"}
    return Finding("quorum.gate", verdict, _EXPECTED, found.why, hint.get(found.verdict, ""))

"""`nodeops quorum`: ask the chain before a node stops."""

from typing import Annotated

import typer

from nodeops.console import DocumentOption, JsonFlag, emit
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.driver import driver_for
from nodeops.quorum.leave import observe
from nodeops.quorum.policy import Passage, Request, elsewhere, passage

_EXPECTED = "the chain goes on without this node"
app = typer.Typer(no_args_is_help=True)


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
PatienceOption = Annotated[int, typer.Option("--patience", min=1, max=86400, help="Seconds to wait for leave to stop.")]
PATIENCE_SECONDS = 1800
# Who asks may have little time left: an answer that comes later is none.
_QUESTION_SECONDS = 3.0


@app.command()
def gate(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Tell whether this node may stop without halting the chain. Exit code 1 while the others need it, or while others have
    their turn: nodes that must stop at the same time do so one after the other."""
    node = load_node_document(document)
    seen = observe(node, driver_for(node, _QUESTION_SECONDS))
    found = passage(seen, load_profile(node.ledger.platform).quorum, node.ledger.block_seconds)
    data = {"verdict": found.verdict, "why": found.why, "height": found.height}
    emit(Result(data, findings=[_finding(found)]), as_json)


def request(node: NodeDocument, roll: str = "", chain_stands: bool = False) -> Request:
    """Return what is asked of the gate by a verb with these options."""
    return Request(elsewhere(node.members, roll.split(",")) if roll else None, chain_stands)


def _finding(found: Passage) -> Finding:
    verdict = Verdict.PASS if found.verdict == "open" else Verdict.FAIL
    hint = {"wait": "ask again then", "closed": "bring other validators back first: nodeops ledger validators"}
    return Finding("quorum.gate", verdict, _EXPECTED, found.why, hint.get(found.verdict, ""))

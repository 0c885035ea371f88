"""`nodeops quorum`: ask the chain before a node stops."""

import time

import typer

from nodeops.console import DocumentOption, JsonFlag, emit
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.observe import settled_commits, signer_shares
from nodeops.ledger.node.status import live_signers, stale_after
from nodeops.quorum.policy import Passage, Standing, passage

app = typer.Typer(no_args_is_help=True)


@app.callback()
def quorum() -> None:
    """What the chain can spare."""


_EXPECTED = "the chain goes on without this node"
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


def observe(node: NodeDocument, driver: Driver) -> Standing:
    """Return what this node sees of its chain. Raise HostError when its ledger does not answer."""
    seen, voting = driver.status(), driver.validators()
    live = live_signers(signer_shares(settled_commits(driver, seen), voting))
    return Standing(
        height=seen.height,
        moving=seen.block_time is not None
        and abs(time.time() - seen.block_time.timestamp()) <= stale_after(node.ledger.block_seconds),
        own=seen.validator_address,
        powers={one.address: one.power for one in voting.validators},
        live=live,
    )


def _finding(found: Passage) -> Finding:
    verdict = Verdict.PASS if found.verdict == "open" else Verdict.FAIL
    hint = {"open": "", "wait": "ask again then", "closed": "bring other validators back first: nodeops ledger validators"}
    return Finding("quorum.gate", verdict, _EXPECTED, found.why, hint[found.verdict])

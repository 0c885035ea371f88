"""`nodeops lifecycle plan`, `watch`, `step-aside` and `rollback`: another version of the ledger, and back."""

from typing import Annotated

import typer

from nodeops.console import DryRunFlag, JsonFlag, emit, working
from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.host.lock import changes_host
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node import worked
from nodeops.ledger.node.service import observe
from nodeops.lifecycle.upgrade import rollback as back
from nodeops.lifecycle.upgrade.evidence import Wanted
from nodeops.lifecycle.upgrade.observe import standing
from nodeops.lifecycle.upgrade.policy import Going, going
from nodeops.lifecycle.upgrade.watch import Watch, turn_seconds
from nodeops.lifecycle.upgrade.watch import step_aside as step
from nodeops.lifecycle.upgrade.watch import watch as wait_until_shown
from nodeops.quorum.cli import PATIENCE_SECONDS, ChainStandsFlag, ForceOption, PatienceOption, RollOption, request
from nodeops.quorum.leave import Asked

ToOption = Annotated[
    str, typer.Option("--to", metavar="VERSION", help="The version to go over to (default: this host's document).")
]
FromOption = Annotated[str, typer.Option("--from", metavar="VERSION", help="Only where this version is installed.")]
TimeoutOption = Annotated[int, typer.Option("--timeout", min=1, max=86400, help="Seconds that this may take.")]
BlocksOption = Annotated[int, typer.Option("--blocks", min=1, max=100, help="In so many blocks its vote must be seen.")]
PeersOption = Annotated[str, typer.Option("--peers", metavar="IDS", help="Node ids that it had as peers before (a,b).")]


def plan(to: ToOption = "", as_json: JsonFlag = False) -> None:
    """Say how this node goes over to a version: in its turn, at a height that was voted on, or not at all. Changes nothing.

    Exit code 1 when it may not go over."""
    document = load_node_document()
    target, seen = to or document.ledger.version, standing(document)
    found = going(load_profile(document.ledger.platform), seen, target)
    data = {"way": found.way, "why": found.why, "at_height": found.height, "height": seen.height, "to": target, "runs": seen.runs}
    emit(Result({**data, "peers": _peers(document)}, findings=[_finding("upgrade", f"{target} may run here", found)]), as_json)


def _peers(document: NodeDocument) -> list[str]:
    try:
        return sorted(peer.node_id for peer in driver_for(document).peers())
    except NodeopsError:
        return []


def _finding(name: str, expected: str, found: Going) -> Finding:
    verdict = Verdict.FAIL if found.way == "refused" else Verdict.PASS
    return Finding(f"lifecycle.{name}", verdict, expected, found.why, found.hint)


def watch(
    blocks: BlocksOption = 5,
    proposal: Annotated[bool, typer.Option("--proposal", help="Also a block of its own.")] = False,
    another_round: Annotated[bool, typer.Option("--round", help="Also its vote in a block that needed another round.")] = False,
    peers: PeersOption = "",
    timeout: TimeoutOption = 120,
    as_json: JsonFlag = False,
) -> None:
    """Wait until the chain shows that this node works with the others since its process began; keep what it was started from."""
    document = load_node_document()
    # Who has little power proposes seldom: that is waited for longer, and not at all where it takes too long.
    turn = turn_seconds(document) if proposal else None
    found = Watch(document, Wanted(blocks, turn is not None, another_round), tuple(filter(None, peers.split(","))))
    with working("watching the chain") as say:
        seen = wait_until_shown(found, max(timeout, 2 * (turn or 0)), say)
    worked.keep(document, observe(document))
    unseen = ["a block of its own takes too long to come, and was not waited for"] if proposal and turn is None else []
    lines = [f"the chain shows it: {seen}", *unseen]
    emit(Result({"other_rounds": seen.other_rounds, "own": seen.own}, lines=lines), as_json)


@changes_host()
def step_aside(
    timeout: TimeoutOption = 120, roll: RollOption = "", patience: PatienceOption = PATIENCE_SECONDS, as_json: JsonFlag = False
) -> None:
    """Stop the ledger until its turn to propose was missed, by leave of the quorum gate, and start it again.

    So the others need another round. Where the gate says no, nothing is done, and the answer says why."""
    document = load_node_document()
    asked = Asked(document, request(document, roll), patience)
    with working("waiting for leave to step aside") as say:
        refused = step(asked, timeout, say)
    unit = document.ledger.unit
    done = [] if refused else [Change(f"restart {unit}", "stepped aside for a round", "", "")]
    emit(Result({"refused": refused}, lines=[refused or "stepped aside, and takes part again"], changes=done), as_json)


@changes_host()
def rollback(
    only_from: FromOption = "",
    timeout: TimeoutOption = 90,
    roll: RollOption = "",
    chain_stands: ChainStandsFlag = False,
    force: ForceOption = "",
    patience: PatienceOption = PATIENCE_SECONDS,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Go back to the version that this node took part with before, once the quorum gate lets it.

    Refused where the chain went over by vote. A node that does not take part with it is put back to what it had."""
    document = load_node_document()
    found = back.plan(document, only_from)
    if dry_run or found.way == "none":
        finding = _finding("rollback", "this node may go back", found)
        emit(
            Result({"way": found.way}, lines=[found.why], findings=[finding], changes=back.changes(document, found, only_from)),
            as_json,
        )
        return
    asked = Asked(document, request(document, roll, chain_stands, force), patience)
    with working("waiting for leave to stop the node") as say:
        doing = back.go_back(asked, found, only_from, timeout, say)
    emit(Result({"way": found.way}, changes=doing), as_json)

"""`nodeops ledger start|restart`: the verbs that make the ledger's unit run, and run what is configured."""

from typing import Annotated, Any

import typer

from nodeops.console import DryRunFlag, JsonFlag, console, emit, progress
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.ledger import rejoin, worked
from nodeops.ledger.gate import Passage
from nodeops.ledger.gate_cli import PATIENCE_SECONDS, ChainStandsFlag, PatienceOption, RollOption, request
from nodeops.ledger.leave import Asked, look
from nodeops.ledger.restart import restart as restart_with_leave
from nodeops.ledger.service import carry_out, observe, plan_restart, plan_start


def start(dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the ledger and enable it at boot. A running one is left alone; `stale` tells whether it needs a restart.

    Where the node takes part in its chain, what it was started from is kept, for a restart that fails."""
    document = load_node_document()
    seen = observe(document)
    changes = plan_start(seen)
    if changes and not dry_run:
        carry_out(changes)
        rejoin.settle(document)
    elif not dry_run and not seen.stale and rejoin.part_taken(document):
        worked.keep(document, seen)
    emit(_result(document, changes), as_json)


def restart(
    if_stale: Annotated[bool, typer.Option("--if-stale", help="Only when the process runs an older configuration.")] = False,
    timeout: Annotated[int, typer.Option("--timeout", min=1, max=86400, help="Seconds that the node gets to come back.")] = 90,
    roll: RollOption = "",
    chain_stands: ChainStandsFlag = False,
    patience: PatienceOption = PATIENCE_SECONDS,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Restart the ledger on this host once the quorum gate lets it; where the chain moves, wait until this node takes part again.

    A node that does not is put back to what it last took part with."""
    document = load_node_document()
    changes = plan_restart(observe(document), if_stale)
    asked = Asked(document, request(document, roll, chain_stands), patience)
    if changes and not dry_run:
        with console(stderr=True).status("waiting for leave to stop the node") as shown:
            restart_with_leave(asked, changes, timeout, progress(shown))
    gate = look(document, asked.request) if dry_run else None
    emit(_result(document, changes, gate), as_json)


def _result(document: NodeDocument, changes: list[Change], gate: Passage | None = None) -> Result:
    seen = observe(document)
    lines = [f"{seen.unit.name}: {seen.unit.state}" + (", older configuration: restart it" if seen.stale else "")]
    data: dict[str, Any] = {"state": seen.unit.state, "stale": seen.stale, "enabled": seen.unit.enabled}
    if gate is not None:
        lines.append(f"gate: {gate.verdict}, {gate.why}")
        data["gate"] = gate.verdict
    return Result(data, lines=lines, changes=changes)

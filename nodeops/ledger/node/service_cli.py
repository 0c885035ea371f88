"""`nodeops ledger start|restart`: the verbs that make the ledger's unit run, and run what is configured."""

from typing import Annotated

import typer

from nodeops.console import DryRunFlag, JsonFlag, console, emit, plain_text
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.ledger.node import rejoin
from nodeops.ledger.node.service import carry_out, observe, plan_restart, plan_start


def start(dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the ledger and enable it at boot. A running one is left alone; `stale` tells whether it needs a restart."""
    document = load_node_document()
    changes = plan_start(observe(document))
    if changes and not dry_run:
        carry_out(changes)
        rejoin.settle(document)
    emit(_result(document, changes), as_json)


def restart(
    if_stale: Annotated[bool, typer.Option("--if-stale", help="Only when the process runs an older configuration.")] = False,
    timeout: Annotated[int, typer.Option("--timeout", min=1, max=86400, help="Seconds that the node gets to come back.")] = 90,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Restart the ledger on this host; where the chain moves, wait until this node takes part in it again."""
    document = load_node_document()
    changes = plan_restart(observe(document), if_stale)
    if changes and not dry_run:
        with console(stderr=True).status("waiting until the node takes part again") as shown:
            rejoin.restart(document, changes, timeout, lambda text: shown.update(plain_text(text)))
    emit(_result(document, changes), as_json)


def _result(document: NodeDocument, changes: list[Change]) -> Result:
    seen = observe(document)
    line = f"{seen.unit.name}: {seen.unit.state}" + (", older configuration: restart it" if seen.stale else "")
    return Result({"state": seen.unit.state, "stale": seen.stale, "enabled": seen.unit.enabled}, lines=[line], changes=changes)

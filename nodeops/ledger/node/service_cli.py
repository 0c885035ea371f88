"""`nodeops ledger start`: the verb that makes the ledger's unit run, now and after a boot."""

from typing import Annotated

import typer

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.lock import changes_host
from nodeops.host.units.service import carry_out, plan_start
from nodeops.ledger.node import begin, hold, rejoin, worked
from nodeops.ledger.node.service import observe

BeginOption = Annotated[
    str,
    typer.Option(
        "--begin-from",
        metavar="URL",
        help="Another node's RPC: a ledger without blocks begins with a state of its chain, proven.",
    ),
]


@changes_host()
def start(begin_from: BeginOption = "", dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the ledger and enable it at boot. A running one is left alone; `stale` tells whether it needs a restart.

    Where the node takes part in its chain, what it was started from is kept, for a restart that fails."""
    document = load_node_document()
    seen = observe(document)
    changes = plan_start(seen)
    beginning = begin.plan(document, begin_from) if changes and begin_from else None
    if beginning:
        changes = [beginning[1], *changes]
    if changes and not dry_run:
        hold.free(document)
        if beginning:
            begin.carry_out(document, begin_from, beginning[0])
        carry_out(plan_start(seen))
        rejoin.settle(document)
    elif not dry_run and not seen.stale and rejoin.part_taken(document):
        worked.keep(document, seen)
    emit(_result(document, changes), as_json)


def _result(document: NodeDocument, changes: list[Change]) -> Result:
    seen = observe(document)
    line = f"{seen.unit.name}: {seen.unit.state}" + (", older configuration: restart it" if seen.stale else "")
    return Result({"state": seen.unit.state, "stale": seen.stale, "enabled": seen.unit.enabled}, lines=[line], changes=changes)

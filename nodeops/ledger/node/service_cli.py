"""`nodeops ledger start`: the verb that makes the ledger's unit run, now and after a boot."""

from typing import Annotated

import typer

from nodeops.console import DryRunFlag, JsonFlag, emit, working
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.lock import changes_host
from nodeops.host.units.service import Observed, carry_out, plan_start
from nodeops.ledger.node import begin, hold, rejoin, worked
from nodeops.ledger.node.service import observe

WithStateFlag = Annotated[
    bool,
    typer.Option("--with-state", help="A ledger without blocks begins with a state of its chain, where there is one, proven."),
]
StateSecondsOption = Annotated[
    int, typer.Option("--state-seconds", min=20, max=86400, help="Seconds that peers get to hand out a state.")
]


@changes_host()
def start(
    with_state: WithStateFlag = False,
    state_seconds: StateSecondsOption = 600,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Start the ledger and enable it at boot. A running one is left alone; `stale` tells whether it needs a restart.

    Where the node takes part in its chain, what it was started from is kept, for a restart that fails."""
    document = load_node_document()
    seen = observe(document)
    changes = plan_start(seen)
    beginning = begin.plan(document) if changes and with_state else None
    said = [beginning.change(begin.require_states(document))] if beginning else []
    if changes and not dry_run:
        _start(document, seen, beginning)
    elif not dry_run and not seen.stale and rejoin.part_taken(document):
        worked.keep(document, seen)
    if with_state and not dry_run and begin.pending(document):
        with working("waiting for a state of the chain") as say:
            said.append(begin.settle(document, state_seconds, say))
        rejoin.settle(document)
    emit(_result(document, [*said, *changes], said), as_json)


def _start(document: NodeDocument, seen: Observed, beginning: begin.Beginning | None) -> None:
    hold.free(document)
    if beginning or not begin.has_blocks(document):
        begin.tell(document, beginning)
    carry_out(plan_start(seen))
    rejoin.settle(document)


def _result(document: NodeDocument, changes: list[Change], begins: list[Change]) -> Result:
    seen = observe(document)
    line = f"{seen.unit.name}: {seen.unit.state}" + (", older configuration: restart it" if seen.stale else "")
    data = {"state": seen.unit.state, "stale": seen.stale, "enabled": seen.unit.enabled}
    told = [f"{one.why}: {one.after}" for one in begins]
    return Result({**data, "said": told}, lines=[*told, line], changes=changes)

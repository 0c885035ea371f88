"""`nodeops ledger start`: the verb that makes the ledger's unit run, now and after a boot."""

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.units.service import carry_out, plan_start
from nodeops.ledger.node import rejoin, worked
from nodeops.ledger.node.service import observe


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


def _result(document: NodeDocument, changes: list[Change]) -> Result:
    seen = observe(document)
    line = f"{seen.unit.name}: {seen.unit.state}" + (", older configuration: restart it" if seen.stale else "")
    return Result({"state": seen.unit.state, "stale": seen.stale, "enabled": seen.unit.enabled}, lines=[line], changes=changes)

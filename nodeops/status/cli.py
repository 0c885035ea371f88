"""`nodeops status`: this node at a glance."""

import os
from collections.abc import Callable, Mapping

import typer

from nodeops.console import DocumentOption, JsonFlag, emit
from nodeops.core.errors import NodeopsError
from nodeops.core.result import Result
from nodeops.disk.state import disk_state
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.firewall.observe import firewall_state
from nodeops.hardening.summary import hardening_state
from nodeops.ledger.node.observe import observe_status
from nodeops.ledger.node.status import findings
from nodeops.ledger.node.view import status_table

app = typer.Typer()

_GUARDS: Mapping[str, Callable[[NodeDocument], str]] = {
    "firewall": firewall_state,
    "hardening": hardening_state,
    "disk": disk_state,
}


@app.callback(invoke_without_command=True)
def status(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """This node at a glance: height, signing, peers, disk. Exit code 1 when its ledger does not run or its chain stands."""
    node = load_node_document(document)
    seen = observe_status(node).model_copy(update={"guards": guards(node)})
    judged = findings(seen, node.ledger.block_seconds)
    emit(Result(seen.model_dump(mode="json"), tables=[status_table(seen)], findings=judged), as_json)


def guards(document: NodeDocument) -> dict[str, str]:
    """Return in a word or two how each guard is doing. Rules and reports are for root; a status is for everyone."""
    if os.geteuid() != 0:
        return dict.fromkeys(_GUARDS, "ask as root")
    return {name: _state(ask, document) for name, ask in _GUARDS.items()}


def _state(ask: Callable[[NodeDocument], str], document: NodeDocument) -> str:
    try:
        return ask(document)
    except NodeopsError:
        return "unknown"

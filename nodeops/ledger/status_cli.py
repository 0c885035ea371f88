"""`nodeops status`: this node at a glance."""

from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.ledger.node_status import findings
from nodeops.ledger.status import observe_status
from nodeops.ledger.status_view import status_table

app = typer.Typer()

DocumentOption = Annotated[
    Path | None, typer.Option("--document", hidden=True, help="Node document to use instead of this host's.")
]


@app.callback(invoke_without_command=True)
def status(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """This node at a glance: height, signing, peers, disk. Exit code 1 when its ledger does not run or its chain stands."""
    node = load_node_document(document)
    seen = observe_status(node)
    judged = findings(seen, node.ledger.block_seconds)
    emit(Result(seen.model_dump(mode="json"), tables=[status_table(seen)], findings=judged), as_json)

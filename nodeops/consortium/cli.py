"""`nodeops consortium`: who belongs, decided by m of n organisations."""

from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit
from nodeops.consortium.diff_cli import diff
from nodeops.consortium.relay import relayed
from nodeops.consortium.view_cli import log, show, status
from nodeops.consortium.vote_cli import approve, enlist, propose, reject
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.ledger.cometbft.driver import rpc_url
from nodeops.ledger.cometbft.rpc import Rpc

app = typer.Typer(no_args_is_help=True)


@app.callback()
def consortium() -> None:
    """Who belongs, decided by m of n organisations."""


for _verb in (diff, enlist, propose, show, approve, reject, status, log):
    app.command()(_verb)


@app.command(hidden=True)
def relay(request: Annotated[str, typer.Argument(help="What a controller asks the ledger.")], as_json: JsonFlag = False) -> None:
    """Ask this host's ledger for a controller: reading, and handing on a signed transaction."""
    emit(Result({"results": relayed(Rpc(rpc_url(load_node_document())), request)}), as_json)

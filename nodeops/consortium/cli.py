"""`nodeops consortium`: who belongs, decided by m of n organisations."""

from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit
from nodeops.consortium.diff_cli import diff
from nodeops.consortium.relay import relayed
from nodeops.consortium.session import require_group
from nodeops.consortium.view_cli import log, show, status
from nodeops.consortium.vote_cli import approve, enlist, propose, reject
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.ledger.cometbft.driver import rpc_url
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cosmos.group import policy
from nodeops.ledger.cosmos.revision import read_mark
from nodeops.ledger.driver import driver_for

app = typer.Typer(no_args_is_help=True)


@app.callback()
def consortium() -> None:
    """Who belongs, decided by m of n organisations."""


for _verb in (diff, enlist, propose, show, approve, reject, status, log):
    app.command()(_verb)


@app.command()
def revision(as_json: JsonFlag = False) -> None:
    """Tell which revision is in force, on a node, by its chain. Says nothing while the chain has no block."""
    document = load_node_document()
    require_group(document)
    driver = driver_for(document)
    if not driver.status().height:
        emit(Result({}, lines=["the chain has no block yet"]), as_json)
        return
    found = read_mark(policy(driver).text)
    data = {"revision": found.revision, "digest": found.digest} if found else {}
    emit(Result(data, lines=[str(found or "the chain names no revision")]), as_json)


@app.command(hidden=True)
def relay(request: Annotated[str, typer.Argument(help="What a controller asks the ledger.")], as_json: JsonFlag = False) -> None:
    """Ask this host's ledger for a controller: reading, and handing on a signed transaction."""
    emit(Result({"results": relayed(Rpc(rpc_url(load_node_document())), request)}), as_json)

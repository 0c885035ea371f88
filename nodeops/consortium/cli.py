"""`nodeops consortium`: who belongs, decided by m of n organisations."""

import json
import signal
import sys
import time

import typer

from nodeops.console import JsonFlag, emit
from nodeops.consortium.diff_cli import diff
from nodeops.consortium.drift.cli import departed_node, drift
from nodeops.consortium.proven import proven_policy
from nodeops.consortium.relay import MOST_BYTES, answers
from nodeops.consortium.renew.cli import lost_node, rotation_of
from nodeops.consortium.signatures.cli import sign, signatures
from nodeops.consortium.view_cli import log, show, status
from nodeops.consortium.voting.cli import approve, enlist, propose, reject
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.cometbft.driver import rpc_url
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cosmos.revision import Mark, read_mark
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.status import stale_after

# The longest that a controller thinks between two questions, with much to spare.
_IDLE_SECONDS = 600
app = typer.Typer(no_args_is_help=True)


@app.callback()
def consortium() -> None:
    """Who belongs, decided by m of n organisations."""


for _verb in (diff, enlist, propose, show, approve, reject, status, log, drift, sign, signatures):
    app.command()(_verb)
app.command("departed")(departed_node)
app.command("lost")(lost_node)
app.command("rotation")(rotation_of)


@app.command()
def revision(as_json: JsonFlag = False) -> None:
    """Tell which revision is in force, on a node, by the state of its chain, proven from its genesis.

    On a platform that cannot ask organisations: which revision this host was made last.
    """
    document = load_node_document()
    if load_profile(document.ledger.platform).founding != "group":
        made = Mark(document.revision, document.consortium_digest)
        emit(
            Result({"revision": made.revision, "digest": made.digest, "moving": False}, lines=[f"{made}, as this host was made"]),
            as_json,
        )
        return
    driver = driver_for(document)
    found, height = proven_policy(driver, open_follower(document, driver).block)
    mark = read_mark(found.text)
    data = {"revision": mark.revision, "digest": mark.digest} if mark else {}
    line = f"{mark or 'the chain names no revision'}, proven at height {height}"
    emit(Result({**data, "height": height, "moving": _moves(driver, document)}, lines=[line]), as_json)


def _moves(driver: Driver, document: NodeDocument) -> bool:
    """Tell whether blocks come: where they do not, nobody can vote."""
    newest = driver.status().block_time
    return newest is not None and abs(time.time() - newest.timestamp()) <= stale_after(document.ledger.block_seconds)


@app.command(hidden=True)
def relay(_as_json: JsonFlag = False) -> None:
    """Ask this host's ledger for a controller, a line of JSON for each line, until it hangs up.

    What it asks for is reading, and handing on a signed transaction.
    """
    for answer in answers(Rpc(rpc_url(load_node_document())), iter(_request, "")):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _request() -> str:
    """Return the next line. A controller that is gone without a word ends us."""
    signal.alarm(_IDLE_SECONDS)
    return sys.stdin.readline(MOST_BYTES)

"""`nodeops quorum lease`: promise power to a node under maintenance, on the ledger, for all organisations to see."""

from types import ModuleType
from typing import Annotated

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit, finite
from nodeops.quorum.lease.bounds import BOUNDS

app = typer.Typer(no_args_is_help=True)

NodeOption = Annotated[str, typer.Option("--node", metavar="NODE", help="Node of this organisation; this host's own by default.")]
ForOption = Annotated[str, typer.Option("--for", metavar="DURATION", help=f"How long, in block time: {BOUNDS}, such as 30m.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; everybody reads it.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=1, max=86400, callback=finite, help="Seconds to wait for the block that takes it.")
]


@app.callback()
def lease() -> None:
    """Leases for maintenance: who may take a node away, by the order of the ledger."""


@app.command("list")
def list_(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show the leases that hold, and how much of its day each organisation has used."""
    emit(_verbs().listed(document), as_json)


@app.command()
def acquire(
    lasting: ForOption,
    reason: ReasonOption,
    node: NodeOption = "",
    timeout: TimeoutOption = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Acquire a lease on a node: while it holds, the others' gates count the node as gone, and it need not wait for its turn.

    Exit code 4 when it is refused, with the numbers, or when another was first."""
    verbs = _verbs()
    emit(verbs.acquire(verbs.asked_for(document, node, timeout, dry_run), lasting, reason), as_json)


@app.command()
def renew(
    lasting: ForOption,
    node: NodeOption = "",
    timeout: TimeoutOption = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a lease end so long from now, at most 4 hours after it was acquired. Exit code 4 when it is refused."""
    verbs = _verbs()
    emit(verbs.renew(verbs.asked_for(document, node, timeout, dry_run), lasting), as_json)


@app.command()
def release(
    node: NodeOption = "",
    timeout: TimeoutOption = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """End a lease now. Where there is none, there is nothing to do."""
    verbs = _verbs()
    emit(verbs.release(verbs.asked_for(document, node, timeout, dry_run)), as_json)


def _verbs() -> ModuleType:
    # start-up: every verb that asks the gate imports this room's options, and few of them read the ledger's authors
    from nodeops.quorum.lease import verbs

    return verbs

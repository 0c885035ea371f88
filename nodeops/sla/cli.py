"""`nodeops sla`: what was promised about the service of nodes, and what the chain says of it."""

from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import DocumentOption, JsonFlag, emit
from nodeops.sla import verbs

app = typer.Typer(no_args_is_help=True)

ContractFile = Annotated[Path, typer.Argument(metavar="CONTRACT", help="The contract, a YAML file.", show_default=False)]


@app.command()
def check(contract: ContractFile, document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Check a contract: every mistake with its line, and whether its nodes are those of this host's chain."""
    emit(verbs.check(contract, document), as_json)


@app.command()
def statement(
    contract: ContractFile,
    period: Annotated[str, typer.Option("--period", metavar="YYYY-MM", help="A month of the contract.", show_default=False)],
    so_far: Annotated[bool, typer.Option("--so-far", help="Show a month that is not over; that is no statement.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the statement: what is signed and verified.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write all slices that were not good, as CSV.")
    ] = None,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """State how well a month's service was, from this node's own proven blocks; any other node states the same bytes.

    Exit code 4 while the month is not over on the chain, 3 where this node lacks blocks of it."""
    emit(verbs.state(contract, period, so_far, {"statement": out, "csv": csv}, document), as_json)


@app.command()
def verify(
    contract: ContractFile,
    statement: Annotated[Path, typer.Argument(metavar="STATEMENT", help="What --out of statement wrote.", show_default=False)],
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute a statement again from this node's chain, and compare: exit code 1 names the first slice or number that differs.

    2: the contract or the statement is none; 3: this node lacks blocks, or does not answer; 4: the month is not over here."""
    emit(verbs.verify(contract, statement, document), as_json)

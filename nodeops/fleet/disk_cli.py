"""`nodeops fleet disk`: the disks of all managed nodes."""

from contextlib import closing
from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit, finite
from nodeops.fleet.ask import ConnectOption, InventoryOption, fleet_of, on_host, with_progress
from nodeops.fleet.disks import disks_report
from nodeops.fleet.ssh import Limits

# A host answers from a file that its guard writes once a second.
_ANSWER_SECONDS = 10.0


def disk(
    inventory: InventoryOption = None,
    node: Annotated[list[str] | None, typer.Option("--node", "-n", help="Only this node; may be given again.")] = None,
    connect_timeout: ConnectOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=86400, callback=finite, help="Seconds for a host to answer.")
    ] = _ANSWER_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show each node's fullest filesystem, its stage and forecast, its log. Exits with 1 from flood on or without an answer."""
    fleet = fleet_of(inventory, node or ())
    with closing(fleet.crew(Limits(timeout, connect_timeout))) as crew:
        replies = {reply.node: reply for reply in with_progress(crew, on_host(["disk", "status", "--json"]))}
    emit(disks_report([replies[name] for name in fleet.nodes]), as_json)

"""`nodeops fleet mesh`: the network between all nodes, as those that are managed see it."""

from contextlib import closing
from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit, finite
from nodeops.fleet.ask import ConnectOption, InventoryOption, fleet_of, on_host, with_progress
from nodeops.fleet.meshes import mesh_report
from nodeops.fleet.ssh import Limits

# A host answers from a file that its prober writes every few seconds.
_ANSWER_SECONDS = 10.0


def mesh(
    inventory: InventoryOption = None,
    node: Annotated[list[str] | None, typer.Option("--node", "-n", help="Only this node; may be given again.")] = None,
    connect_timeout: ConnectOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=86400, callback=finite, help="Seconds for a host to answer.")
    ] = _ANSWER_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show round trips and losses between all nodes, and whose fault an ill path is. Exits with 1 when one is ill."""
    fleet = fleet_of(inventory, node or ())
    with closing(fleet.crew(Limits(timeout, connect_timeout))) as crew:
        replies = {reply.node: reply for reply in with_progress(crew, on_host(["mesh", "show", "--json"]))}
    emit(mesh_report([replies[name] for name in fleet.nodes], sorted(fleet.consortium.nodes)), as_json)

"""`nodeops fleet backup`: the backups of all managed nodes."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit, finite
from nodeops.fleet.ask import ConnectOption, InventoryOption, fleet_of, on_host, with_progress
from nodeops.fleet.backups import backups_report
from nodeops.fleet.ssh import Limits

# Each host asks its repository, which takes a second or two on purpose: a password is made slow to try.
_ANSWER_SECONDS = 60.0


def backup(
    inventory: InventoryOption = None,
    node: Annotated[list[str] | None, typer.Option("--node", "-n", help="Only this node; may be given again.")] = None,
    connect_timeout: ConnectOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=86400, callback=finite, help="Seconds for a host to answer.")
    ] = _ANSWER_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show each node's newest backup in its repository: age, size. Exits with 1 where one is late, gone or missing."""
    fleet = fleet_of(inventory, node or ())
    with closing(fleet.crew(Limits(timeout, connect_timeout))) as crew:
        replies = {reply.node: reply for reply in with_progress(crew, on_host(["backup", "status", "--json"]))}
    emit(backups_report([replies[name] for name in fleet.nodes], datetime.now(UTC)), as_json)

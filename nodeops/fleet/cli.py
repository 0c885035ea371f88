"""`nodeops fleet`: what all managed nodes say, and one verb run on all of them, over SSH."""

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit, finite
from nodeops.core.result import Result
from nodeops.fleet.answer import answer_of
from nodeops.fleet.ask import ConnectOption, InventoryOption, NodeOption, fleet_of, on_host, published, with_progress
from nodeops.fleet.reply import Reply, as_data, headed, worst_code
from nodeops.fleet.report import fleet_report, for_people
from nodeops.fleet.ssh import Limits
from nodeops.fleet.table import Seen
from nodeops.fleet.tables_cli import backup, disk, hosts, mesh
from nodeops.fleet.top_cli import top
from nodeops.fleet.watch import watch
from nodeops.screen import console, plain_text

app = typer.Typer(no_args_is_help=True)
app.command("backup")(backup)
app.command("disk")(disk)
app.command("hosts")(hosts)
app.command("mesh")(mesh)
app.command("top")(top)

# `nodeops status` asks a local process and its peers' last blocks: seconds even on a host that is short of everything.
_STATUS_SECONDS = 10.0


@app.command()
def status(
    inventory: InventoryOption = None,
    watched: Annotated[bool, typer.Option("--watch", "-w", help="Ask again and again until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.2, max=3600, callback=finite, help="Seconds between rounds of --watch.")
    ] = 2.0,
    rounds: Annotated[
        int | None, typer.Option("--rounds", min=1, max=1_000_000, help="Leave --watch after so many rounds.")
    ] = None,
    connect_timeout: ConnectOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=86400, callback=finite, help="Seconds for a host to answer.")
    ] = _STATUS_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show all nodes by organisation, and whether the network runs. Exits with 1 when a finding fails."""
    fleet = fleet_of(inventory, ())
    addresses, findings = published(fleet.folder)

    def judged(replies: Mapping[str, Reply]) -> Result:
        answers = {node: answer_of(node, replies.get(node)) for node in fleet.nodes}
        result = fleet_report(Seen(fleet.consortium, answers, addresses), findings)
        return result if as_json else for_people(result, console().width)

    command = on_host(["status", "--json"])
    with closing(fleet.crew(Limits(timeout, connect_timeout))) as crew:
        if watched:
            watch(crew, command, judged, interval, rounds, as_json)
            return
        replies = {reply.node: reply for reply in with_progress(crew, command)}
    emit(judged(replies), as_json)


@app.command()
def run(
    verb: Annotated[list[str], typer.Argument(metavar="VERB", help="A verb of nodeops with its words and options.")],
    inventory: InventoryOption = None,
    node: NodeOption = None,
    connect_timeout: ConnectOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=86400, callback=finite, help="Seconds for the verb to finish on a host.")
    ] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Run one verb of nodeops on all managed nodes at once, as root. Exits with the highest code of any host, 3 for a dead one.

    For example: nodeops fleet run -- ledger peers
    """
    fleet = fleet_of(inventory, node or ())
    with closing(fleet.crew(Limits(timeout, connect_timeout))) as crew:
        replies = []
        for reply in with_progress(crew, on_host(verb)):
            replies.append(reply)
            if not as_json:
                console().print(plain_text("\n".join(headed(reply))), soft_wrap=True)
    if as_json:
        answers = {reply.node: as_data(reply, "--json" in verb) for reply in replies}
        sys.stdout.write(json.dumps(answers, indent=2, sort_keys=True) + "\n")
    raise typer.Exit(worst_code(replies))

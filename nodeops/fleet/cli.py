"""`nodeops fleet`: what all managed nodes say, and one verb run on all of them, over SSH."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import JsonFlag, console, emit, plain_text
from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder, managed_nodes
from nodeops.document.models import Consortium
from nodeops.document.resolve import host_paths
from nodeops.fleet.answer import answer_of
from nodeops.fleet.crew import Crew
from nodeops.fleet.reply import Reply, as_data, headed, worst_code
from nodeops.fleet.report import fleet_report, for_people
from nodeops.fleet.ssh import Host, Limits, read_ssh_config
from nodeops.fleet.table import Seen
from nodeops.fleet.watch import watch
from nodeops.ledger.gather import read_folder

app = typer.Typer(no_args_is_help=True)

# `nodeops status` asks a local process and its peers' last blocks: seconds even on a host that is short of everything.
_STATUS_SECONDS = 10.0

InventoryOption = Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)]
ConnectOption = Annotated[
    float | None,
    typer.Option("--connect-timeout", min=0.1, max=600, help="Seconds to connect and log in (default: ssh_config's, else 5)."),
]


@dataclass(frozen=True)
class Fleet:
    """The consortium, and the names of those of its nodes that this call is about."""

    consortium: Consortium
    folder: Path
    nodes: Sequence[str]

    def crew(self, limits: Limits) -> Crew:
        """Return the hosts, not yet connected to."""
        source = read_ssh_config(self.folder, {name: node.address for name, node in self.consortium.nodes.items()})
        return Crew([Host(node, source, limits) for node in self.nodes])


@app.command()
def status(
    inventory: InventoryOption = None,
    watched: Annotated[bool, typer.Option("--watch", "-w", help="Ask again and again until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=0.2, max=3600, help="Seconds between rounds of --watch.")] = 2.0,
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, help="Leave --watch after so many rounds.")] = None,
    connect_timeout: ConnectOption = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for a host to answer.")] = _STATUS_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Show all nodes by organisation, and whether the network runs. Exits with 1 when a finding fails."""
    fleet = _fleet(inventory, ())
    published, findings = _published(fleet.folder)

    def judged(replies: Mapping[str, Reply]) -> Result:
        answers = {node: answer_of(node, replies.get(node)) for node in fleet.nodes}
        result = fleet_report(Seen(fleet.consortium, answers, published), findings)
        return result if as_json else for_people(result, console().width)

    command = _on_host(["status", "--json"])
    with closing(fleet.crew(Limits(timeout, connect_timeout))) as crew:
        if watched:
            watch(crew, command, judged, interval, rounds, as_json)
            return
        replies = {reply.node: reply for reply in _with_progress(crew, command)}
    emit(judged(replies), as_json)


@app.command()
def run(
    verb: Annotated[list[str], typer.Argument(metavar="VERB", help="A verb of nodeops with its words and options.")],
    inventory: InventoryOption = None,
    node: Annotated[list[str] | None, typer.Option("--node", "-n", help="Only this node; may be given again.")] = None,
    connect_timeout: ConnectOption = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for the verb to finish on a host.")] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Run one verb of nodeops on all managed nodes at once, as root. Exits with the highest code of any host, 3 for a dead one.

    For example: nodeops fleet run -- ledger peers
    """
    fleet = _fleet(inventory, node or ())
    with closing(fleet.crew(Limits(timeout, connect_timeout))) as crew:
        replies = []
        for reply in _with_progress(crew, _on_host(verb)):
            replies.append(reply)
            if not as_json:
                console().print(plain_text("\n".join(headed(reply))), soft_wrap=True)
    if as_json:
        answers = {reply.node: as_data(reply, "--json" in verb) for reply in replies}
        sys.stdout.write(json.dumps(answers, indent=2, sort_keys=True) + "\n")
    raise typer.Exit(worst_code(replies))


def _fleet(inventory: Path | None, only: Sequence[str]) -> Fleet:
    folder = inventory_folder(inventory)
    consortium, _ = checked_consortium(folder)
    managed = managed_nodes(consortium, folder)
    if not managed:
        where = str(folder / "group_vars" / "all.yml")
        raise InputError("this controller manages no node", where=where, hint="name your organisation in nodeops_manages")
    strangers = [name for name in only if name not in managed]
    if strangers:
        raise InputError(f"not a managed node: {', '.join(strangers)}", where="--node", allowed=", ".join(managed))
    return Fleet(consortium, folder, sorted(set(only)) or managed)


def _published(folder: Path) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """Return the validator addresses that members published, and a finding when they cannot be read: status must still work."""
    expected = "the members' identities can be read"
    try:
        published = read_folder(folder).published
    except InputError as error:
        return {}, (Finding("fleet.identities", Verdict.WARN, expected, f"{error.where}: {error.what}", error.hint),)
    return {name: identity.validator_address for name, identity in published.items()}, ()


def _on_host(verb: Sequence[str]) -> str:
    """Return the shell command for a verb, every word quoted: the host's shell sees words, never syntax."""
    return shlex.join(["sudo", "-n", host_paths()["command"], *verb])


def _with_progress(crew: Crew, command: str) -> Iterator[Reply]:
    """Yield replies as they come, while stderr says for whom we still wait."""
    waited = {host.node for host in crew.hosts}
    with console(stderr=True).status(f"asking {len(waited)} hosts") as shown:
        for reply in crew.replies(command):
            waited.discard(reply.node)
            shown.update(plain_text(f"waiting for {', '.join(sorted(waited))}"))
            yield reply

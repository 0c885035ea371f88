"""Whom a fleet verb asks, and how: the managed nodes of an inventory, each over SSH, as root, with every word quoted."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import finite, working
from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder, managed_nodes
from nodeops.document.models import Consortium
from nodeops.document.resolve import host_paths
from nodeops.fleet.crew import Crew
from nodeops.fleet.reply import Reply
from nodeops.fleet.ssh import Host, Limits, read_ssh_config
from nodeops.ledger.founding.gather import read_folder

InventoryOption = Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)]
ConnectOption = Annotated[
    float | None,
    typer.Option(
        "--connect-timeout",
        min=0.1,
        max=600,
        callback=finite,
        help="Seconds to connect and log in (default: ssh_config's, else 5).",
    ),
]
NodeOption = Annotated[list[str] | None, typer.Option("--node", "-n", help="Only this node; may be given again.")]
AnswerOption = Annotated[
    float, typer.Option("--timeout", min=0.1, max=86400, callback=finite, help="Seconds for a host to answer.")
]


@dataclass(frozen=True)
class Fleet:
    """The consortium, and the names of those of its nodes, or of its other hosts, that this call is about."""

    consortium: Consortium
    folder: Path
    nodes: Sequence[str]

    def crew(self, limits: Limits) -> Crew:
        """Return the hosts, not yet connected to."""
        kinds = (self.consortium.nodes, self.consortium.monitors, self.consortium.repositories)
        addresses = {name: host.address for hosts in kinds for name, host in hosts.items()}
        source = read_ssh_config(self.folder, addresses)
        return Crew([Host(node, source, limits) for node in self.nodes])

    def replies(self, limits: Limits, *verb: str) -> list[Reply]:
        """Return what each host answers to a verb, in the order of the nodes, while stderr says for whom we still wait."""
        with closing(self.crew(limits)) as crew:
            found = {reply.node: reply for reply in with_progress(crew, on_host(verb))}
        return [found[name] for name in self.nodes]


def fleet_of(inventory: Path | None, only: Sequence[str]) -> Fleet:
    """Return the managed nodes of an inventory, or those of them that are named. Raise InputError when there are none."""
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


def on_host(verb: Sequence[str]) -> str:
    """Return the shell command for a verb, every word quoted: the host's shell sees words, never syntax."""
    return shlex.join(["sudo", "-n", host_paths()["command"], *verb])


def with_progress(crew: Crew, command: str) -> Iterator[Reply]:
    """Yield replies as they come, while stderr says for whom we still wait."""
    waited = {host.node for host in crew.hosts}
    with working(f"asking {len(waited)} hosts") as say:
        for reply in crew.replies(command):
            waited.discard(reply.node)
            say(f"waiting for {', '.join(sorted(waited))}")
            yield reply


def published(folder: Path) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """Return the validator addresses that members published, and a finding when they cannot be read: status must still work."""
    expected = "the members' identities can be read"
    try:
        known = read_folder(folder).published
    except InputError as error:
        return {}, (Finding("fleet.identities", Verdict.WARN, expected, f"{error.where}: {error.what}", error.hint),)
    return {name: identity.validator_address for name, identity in known.items()}, ()

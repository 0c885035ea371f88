"""`nodeops lab`: bring a lab up or down, list labs, reach a host, cut its power."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import docker
import typer

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError, InputError
from nodeops.core.result import Result, Table
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder
from nodeops.lab import act, boot, containers, keys, plan
from nodeops.lab.down import down as down_lab
from nodeops.lab.engine.engine import HOME
from nodeops.lab.faults import cli as faults
from nodeops.lab.flood.cli import flood
from nodeops.lab.lock import lock
from nodeops.lab.observe import observe
from nodeops.lab.parallel import each
from nodeops.lab.progress import progress, running_engine
from nodeops.lab.saved.cli import forget, load, save, saved
from nodeops.lab.spec import lab_identity, load_lab
from nodeops.lab.state import SSH_CONFIG_FILE, Act, Seen, SeenHost
from nodeops.lab.stories.disaster import disaster
from nodeops.lab.stories.tour import tour
from nodeops.lab.stories.upgrade import upgrade
from nodeops.lab.stories.vote import vote
from nodeops.lab.up import up as up_lab

app = typer.Typer(no_args_is_help=True)
app.command("tour")(tour)
app.command("vote")(vote)
app.command("upgrade")(upgrade)
app.command("flood")(flood)
app.add_typer(
    faults.app, name="fault", help="Make hosts ill for a while: cut, isolate, lose, throttle, delay, pause, kill, fill."
)
app.command("disaster")(disaster)
for verb in (save, load, saved, forget):
    app.command(verb.__name__)(verb)

InventoryFlag = Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)]
NodesArgument = Annotated[list[str], typer.Argument(help="Names of hosts of the lab.")]


@app.command()
def up(
    inventory: InventoryFlag = None,
    recreate: Annotated[bool, typer.Option(help="Make hosts anew that no longer fit; what is on them is lost.")] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make what is missing, start what is stopped, leave what runs; wait until every host can be reached over SSH."""
    lab = load_lab(inventory_folder(inventory))
    with progress(f"lab {lab.name}: looking") as say, lock(f"lab-{lab.name}"):
        result = up_lab(lab, recreate, dry_run, say)
    emit(result, as_json)


@app.command()
def down(
    inventory: InventoryFlag = None,
    purge: Annotated[bool, typer.Option(help="Remove our images too; the next `up` builds them again.")] = False,
    engine: Annotated[
        bool, typer.Option("--engine", help="Stop the Docker engine too, if nodeops started it and no container is left.")
    ] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Remove the lab's hosts, network, keys and what described them: all of it, and nothing else."""
    folder = inventory_folder(inventory)
    lab, declared = lab_identity(folder)
    with progress(f"lab {lab}: looking") as say, lock(f"lab-{lab}"):
        result = down_lab(lab, folder.resolve(), declared, purge, engine, dry_run, say)
    emit(result, as_json)


@app.command("list")
def list_labs(as_json: JsonFlag = False) -> None:
    """List all labs on the engine, whatever folder they were made from."""
    with progress("looking for labs") as say:
        hosts, _ = containers.all_hosts(running_engine(say))
    labs = [_summary(name, [host for host in hosts if host.lab == name]) for name in sorted({host.lab for host in hosts})]
    rows = [(host["lab"], host["name"], host["address"], host["state"], lab["folder"]) for lab in labs for host in lab["hosts"]]
    tables = [Table(("lab", "host", "address", "state", "folder"), rows)] if rows else []
    emit(Result({"labs": labs}, tables=tables, lines=[] if rows else ["no lab on this engine"]), as_json)


def _summary(lab: str, hosts: list[SeenHost]) -> dict[str, Any]:
    rows = [
        {"lab": lab, "name": host.node, "address": host.features.get("address", ""), "state": host.state}
        for host in sorted(hosts, key=lambda host: host.node)
    ]
    return {"lab": lab, "folder": hosts[0].folder, "running": sum(host.running for host in hosts), "hosts": rows}


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    node: Annotated[str, typer.Argument(help="Name of a host of the lab.")],
    command: Annotated[list[str] | None, typer.Argument(help="Command to run there, after `--`; none: a shell.")] = None,
    inventory: InventoryFlag = None,
) -> None:
    """Open a shell on a host, or run one command there. One word is given to the remote shell as it is."""
    folder = inventory_folder(inventory)
    lab, names = lab_identity(folder)
    if node not in names:
        raise InputError(f"no such host: {node}", where=f"lab {lab}", allowed=", ".join(sorted(names)))
    config = folder.resolve() / SSH_CONFIG_FILE
    if not config.is_file():
        raise HostError("is not up", where=f"lab {lab}", hint=f"nodeops lab up --inventory {folder}")
    words = command or []
    remote = words if len(words) == 1 else [shlex.join(words)] * bool(words)
    try:
        os.execvp("ssh", ["ssh", "-F", str(config), node, *remote])  # noqa: S606 - ssh takes our place, and our terminal
    except FileNotFoundError as error:
        raise HostError("is not installed", where="ssh", hint="apt-get install openssh-client") from error


@app.command()
def stop(
    nodes: NodesArgument,
    inventory: InventoryFlag = None,
    kill: Annotated[bool, typer.Option("--kill", help="Cut the power instead of shutting down.")] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Shut hosts down, or cut their power. `nodeops lab start` and `up` bring them back with all they had on disk."""

    def one(client: docker.DockerClient, host: SeenHost) -> None:
        containers.stop(client, host, kill)

    emit(_power(inventory, nodes, Act.STOP_HOST, one, dry_run), as_json)


@app.command()
def start(
    nodes: NodesArgument,
    inventory: InventoryFlag = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Start hosts that were stopped, and wait until they can be reached over SSH."""
    folder = inventory_folder(inventory)
    public_key = keys.public_key(folder, lab_identity(folder)[0])

    def one(client: docker.DockerClient, host: SeenHost) -> None:
        boot.start(client, host, public_key)

    emit(_power(inventory, nodes, Act.START_HOST, one, dry_run), as_json)


def _power(
    inventory: Path | None,
    nodes: list[str],
    wanted: Act,
    work: Callable[[docker.DockerClient, SeenHost], None],
    dry_run: bool,
) -> Result:
    folder = inventory_folder(inventory)
    lab, _ = lab_identity(folder)
    with progress(f"lab {lab}: {', '.join(nodes)}") as say, lock(f"lab-{lab}"):
        client = running_engine(say)
        seen: Seen = observe(client, lab, folder.resolve())
        steps = plan.plan_power(nodes, seen, str(folder.resolve()), lab, wanted)
        if not dry_run:
            site = act.Site(client, HOME, folder, seen, say)
            each(lambda host: work(client, host), site.hosts(steps, wanted))
    data = {"lab": lab, "hosts": list(dict.fromkeys(nodes)), "dry_run": dry_run}
    return Result(data, lines=[] if steps else ["nothing to do"], changes=[step.change for step in steps])

"""`nodeops lab fault`: make hosts of a lab ill for a while, and watch what the network makes of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import docker
import typer

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError, InputError
from nodeops.core.printable import printable
from nodeops.core.result import Change, Result
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder
from nodeops.lab.engine.engine import explained
from nodeops.lab.faults import plan
from nodeops.lab.faults.plan import Fault
from nodeops.lab.observe import observe
from nodeops.lab.parallel import each
from nodeops.lab.progress import progress, running_engine
from nodeops.lab.spec import Lab, load_lab
from nodeops.lab.state import SeenHost

app = typer.Typer(no_args_is_help=True)

Inventory = Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)]
Seconds = Annotated[int, typer.Option("--for", min=1, max=86400, help="Seconds until it is undone, by the host itself.")]
Node = Annotated[str, typer.Argument(help="Name of a host of the lab.")]


@app.command()
def cut(
    one: Node,
    other: Node,
    seconds: Seconds = 60,
    inventory: Inventory = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Nothing gets from one host to another, nor back."""
    if one == other:
        raise InputError("names one host twice", where=one, allowed="two hosts")
    _make(inventory, seconds, dry_run, as_json, lambda lab: plan.cut(one, other, _addresses(lab)))


@app.command()
def isolate(
    node: Node, seconds: Seconds = 60, inventory: Inventory = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False
) -> None:
    """A host reaches nobody, and only the controller reaches it."""
    _make(inventory, seconds, dry_run, as_json, lambda lab: plan.isolate(node, _addresses(lab), lab.gateway))


@app.command()
def loss(
    node: Node,
    percent: Annotated[int, typer.Argument(min=1, max=100, help="Percent of what arrives.")],
    seconds: Seconds = 60,
    inventory: Inventory = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """A host loses some of what arrives, by chance."""
    _make(inventory, seconds, dry_run, as_json, lambda lab: plan.loss(node, percent, _addresses(lab)))


@app.command()
def rate(
    node: Node,
    kilobits: Annotated[int, typer.Argument(min=8, max=10_000_000, help="Kilobits a second.")],
    seconds: Seconds = 60,
    inventory: Inventory = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """A host sends at most so much; what finds more than 16 kB and 400 ms of it waiting is lost."""
    _make(inventory, seconds, dry_run, as_json, lambda lab: plan.rate(node, kilobits, _addresses(lab)))


@app.command()
def slow(
    node: Node,
    milliseconds: Annotated[
        int, typer.Argument(min=1, max=10_000, help="Milliseconds, one way: a round trip takes so much longer.")
    ],
    jitter: Annotated[int, typer.Option(min=0, max=10_000, help="Milliseconds more or less, by chance; packets overtake.")] = 0,
    seconds: Seconds = 60,
    inventory: Inventory = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """What a host sends leaves later, in its order; what it sends to the controller leaves as ever."""
    _make(inventory, seconds, dry_run, as_json, lambda lab: plan.slow(node, milliseconds, jitter, _addresses(lab), lab.gateway))


@app.command()
def pause(
    node: Node, seconds: Seconds = 60, inventory: Inventory = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False
) -> None:
    """The ledger of a host stands still, its connections open."""
    _make(inventory, seconds, dry_run, as_json, lambda lab: plan.pause(node, _addresses(lab)))


@app.command()
def kill(node: Node, inventory: Inventory = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """The ledger of a host is killed; its systemd starts it again."""
    _make(inventory, 1, dry_run, as_json, lambda lab: plan.kill(node, _addresses(lab)))


@app.command()
def fill(
    node: Node,
    path: Annotated[str, typer.Argument(help="A folder on the filesystem, such as /var/log/ledger.")],
    seconds: Seconds = 60,
    inventory: Inventory = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """A filesystem of a host has no byte left. One of the machine's own is refused."""
    _make(inventory, seconds, dry_run, as_json, lambda lab: plan.fill(node, path, _addresses(lab)))


@app.command()
def clear(
    nodes: Annotated[list[str] | None, typer.Argument(help="Hosts of the lab; none: all.")] = None,
    inventory: Inventory = None,
    as_json: JsonFlag = False,
) -> None:
    """End every fault now."""
    lab = load_lab(inventory_folder(inventory))
    with progress(f"lab {lab.name}: looking") as say:
        client = running_engine(say)
        hosts = _hosts(client, lab, nodes or [host.name for host in lab.hosts])
        ended = each(lambda host: _run(client, host, plan.clear_script()).split(), hosts)
    found = [(host.node, name.removeprefix(plan.PREFIX)) for host, names in zip(hosts, ended, strict=True) for name in names]
    changes = [Change(f"fault {kind} of {node}", "asked for", "present", "absent") for node, kind in found]
    emit(Result({"lab": lab.name, "ended": len(found)}, lines=[] if found else ["no fault"], changes=changes), as_json)


def _make(inventory: Path | None, seconds: int, dry_run: bool, as_json: bool, planned: Callable[[Lab], Sequence[Fault]]) -> None:
    lab = load_lab(inventory_folder(inventory))
    faults = planned(lab)
    with progress(f"lab {lab.name}: looking") as say:
        client = running_engine(say)
        hosts = {host.node: host for host in _hosts(client, lab, [fault.node for fault in faults])}
        if not dry_run:
            each(lambda fault: _run(client, hosts[fault.node], fault.script(seconds)), faults)
    changes = [Change(f"host {fault.node}", _lasts(fault, seconds), "well", fault.what) for fault in faults]
    emit(Result({"lab": lab.name, "seconds": seconds, "dry_run": dry_run}, changes=changes), as_json)


def _lasts(fault: Fault, seconds: int) -> str:
    return f"for {seconds} s" if fault.undo else "it comes back by itself"


def _addresses(lab: Lab) -> Mapping[str, str]:
    return {host.name: host.address for host in lab.hosts}


def _hosts(client: docker.DockerClient, lab: Lab, nodes: Sequence[str]) -> list[SeenHost]:
    """Return the running hosts of these names. Raise InputError for a name of no host, HostError for one that does not run."""
    known = {host.node: host for host in observe(client, lab.name, lab.folder).hosts}
    unknown = [name for name in nodes if name not in _addresses(lab)]
    if unknown:
        raise InputError(f"no such host: {', '.join(unknown)}", where=f"lab {lab.name}", allowed=", ".join(_addresses(lab)))
    away = [name for name in nodes if name not in known or not known[name].running]
    if away:
        raise HostError(f"does not run: {', '.join(away)}", where=f"lab {lab.name}", hint="nodeops lab up")
    return [known[name] for name in nodes]


def _run(client: docker.DockerClient, host: SeenHost, script: str) -> str:
    with explained(f"{host.node} cannot be reached"):
        job = client.api.exec_create(host.id, ["sh", "-c", script])
        text = client.api.exec_start(job["Id"]).decode(errors="replace")
        code = client.api.exec_inspect(job["Id"])["ExitCode"]
    if code:
        what = f"the fault could not be made: {printable(text.strip())}"
        raise HostError(what, where=host.node, hint="nodeops lab fault clear")
    return text

"""The five-minute tour of a running lab: real commands, printed before they run, with their real output."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from nodeops.core.errors import InputError
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder, managed_nodes
from nodeops.document.models import Consortium
from nodeops.document.profile import load_profile
from nodeops.lab.spec import load_lab
from nodeops.lab.stories.story import Step, tell
from nodeops.lab.stories.vote import alone, copied


def pick_nodes(consortium: Consortium, managed: Sequence[str]) -> tuple[str, str]:
    """Return a node to write through and a node of another organisation to verify on. Raise InputError without two."""
    first = managed[0] if managed else ""
    others = [name for name in managed if consortium.nodes[name].organisation != consortium.nodes[first].organisation]
    if not others:
        raise InputError("the tour needs nodes of two organisations", where="consortium.yml")
    return first, others[-1]


def steps(inventory: Path, records: Sequence[Path], changed: Path, nodes: tuple[str, str]) -> Iterator[Step]:
    """Yield the tour: status, write here, verify there, one changed byte."""
    writer, verifier = nodes
    ssh, scp = ("ssh", "-F", str(inventory / "ssh_config")), ("scp", "-q", "-F", str(inventory / "ssh_config"))
    names = [record.name for record in records]
    status = ("nodeops", "fleet", "status", "--inventory", str(inventory))
    add, verify = ((*ssh, node, "sudo", "nodeops", "record", verb) for node, verb in zip(nodes, ("add", "verify"), strict=True))
    yield Step("All nodes, by organisation: who signs, how far, what may still fail", status)
    yield Step(f"Battery-charge records (synthetic), held off-chain by {writer}", (*scp, *map(str, records), f"{writer}:"))
    yield Step(f"{writer} puts their hashes on the ledger", (*add, *names))
    yield Step(f"Another organisation receives the records on {verifier}", (*scp, *map(str, records), f"{verifier}:"))
    yield Step(f"{verifier} proves each of them against blocks that the validators signed", (*verify, *names))
    yield Step(f"One byte of {changed.name} is changed on {verifier}", (*scp, str(changed), f"{verifier}:"))
    yield Step("The changed record fails", (*verify, changed.name), expects=1)
    yield Step("Meanwhile the chain went on", status)


def _governed(consortium: Consortium, inventory: Path, record: Path, nodes: tuple[str, str], at: Path) -> Iterator[Step]:
    """Yield what only a ledger that knows its members can show: who wrote, whose key counts, and what one alone decides."""
    ssh = ("ssh", "-F", str(inventory / "ssh_config"), nodes[1])
    yield Step(f"{nodes[1]} proves how much every author wrote: nothing is left out", (*ssh, "sudo nodeops record authors"))
    made = "umask 077; openssl genpkey -algorithm ed25519 -out stranger.pem"
    yield Step("Somebody makes a key that no member vouches for", (*ssh, made))
    forged = f"sudo nodeops record add --key forged --signing-key stranger.pem {record.name}"
    yield Step("Nothing is written with it", (*ssh, forged), expects=InputError.exit_code)
    yield from alone(consortium, inventory, copied(inventory, at / "proposed", nodes[0]))


def change_one_byte(record: Path, folder: Path) -> Path:
    """Return a copy of a record whose last digit is another one."""
    data = bytearray(record.read_bytes())
    position = max(index for index, byte in enumerate(data) if chr(byte).isdigit())
    data[position] = ord("1") if data[position] != ord("1") else ord("2")
    copy = folder / record.name
    copy.write_bytes(bytes(data))
    return copy


def take_tour(inventory: Path) -> None:
    """Run the whole tour. Raise HostError at the first step that does not answer as a working network does."""
    consortium, _ = checked_consortium(inventory)
    records = sorted((inventory / "records").glob("*.csv"))
    if not records:
        raise InputError("no sample records", where=str(inventory / "records"), allowed="*.csv files")
    nodes = pick_nodes(consortium, managed_nodes(consortium, inventory))
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        changed = change_one_byte(records[0], Path(folder))
        tell(steps(inventory, records, changed, nodes), console)
        if load_profile(consortium.ledger.platform).founding == "group":
            tell(_governed(consortium, inventory, records[0], nodes, Path(folder)), console)
    console.print(Text(what_next(inventory, nodes)), soft_wrap=True)


def what_next(inventory: Path, nodes: tuple[str, str]) -> str:
    """Return what to try by hand after the tour."""
    writer, verifier = nodes
    where = "" if inventory.resolve() == Path("inventories/lab").resolve() else f" --inventory {inventory}"
    lines = [
        (f"export PATH={Path(sys.executable).parent}:$PATH", "once, so that your shell finds these"),
        (f"nodeops fleet status --watch{where}", "heights moving, live"),
        (f"nodeops lab ssh {writer}{where}", "a shell on a node; there: sudo nodeops status"),
        (f"nodeops lab stop {writer} {verifier} --kill{where}", "two nodes lose power: the chain goes on; a third halts it"),
        (f"nodeops lab start {writer} {verifier}{where}", "and they come back"),
        (f"nodeops fleet run{where} -- ledger peers", "one verb on every node"),
        (f"nodeops fleet run{where} -n {writer} -- firewall explain 192.0.2.1 22", "which rule stops a stranger, and why"),
        (f"nodeops fleet run{where} -n {writer} -- hardening audit", "every control as it is live on a node"),
        (f"nodeops fleet disk{where}", "every node's disks: stage, forecast, logs"),
        (f"nodeops lab vote{where}", "two of three organisations agree on a change; it edits consortium.yml"),
        (f"nodeops lab flood{where}", "20 s of logs at 100 MB/s on one node: watch its disk guard"),
        ("ansible-playbook site.yml --check --diff", "what would change now: nothing"),
    ]
    width = max(len(command) for command, _ in lines)
    return "\nWhat to try next:\n" + "\n".join(f"  {command:<{width}}  {text}" for command, text in lines)


def tour(
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
) -> None:
    """Show a running lab: who signs, records written here and proved there, one changed byte, one organisation alone."""
    folder = inventory_folder(inventory)
    load_lab(folder)
    take_tour(folder)

"""The five-minute tour of a running lab: real commands, printed before they run, with their real output."""

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from nodeops.core.errors import HostError, InputError
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder, managed_nodes
from nodeops.document.models import Consortium
from nodeops.lab.spec import load_lab

_COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Step:
    """One command of the tour: what it shows, its words, and the exit code that a working network answers with."""

    shows: str
    words: Sequence[str]
    expects: int = 0


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
        for step in steps(inventory, records, changed, nodes):
            _run(step, console)
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
        (f"nodeops lab flood{where}", "20 s of logs at 100 MB/s on one node: watch its disk guard"),
        ("ansible-playbook site.yml --check --diff", "what would change now: nothing"),
    ]
    width = max(len(command) for command, _ in lines)
    return "\nWhat to try next:\n" + "\n".join(f"  {command:<{width}}  {text}" for command, text in lines)


def _run(step: Step, console: Console) -> None:
    console.print(Text(f"\n{step.shows}", style="bold"))
    console.print(Text(f"$ {shlex.join(step.words)}", style="dim"), soft_wrap=True)
    sys.stdout.flush()
    program = shutil.which(step.words[0], path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    if program is None:
        raise HostError("is not installed", where=step.words[0])
    done = subprocess.run([program, *step.words[1:]], timeout=_COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != step.expects:
        text = f"left with code {done.returncode}, expected {step.expects}"
        raise HostError(text, where=shlex.join(step.words), hint="nodeops fleet status shows what is wrong")


def tour(
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
) -> None:
    """Show a running lab: who signs, records written here and proved there, one changed byte that fails."""
    folder = inventory_folder(inventory)
    load_lab(folder)
    take_tour(folder)

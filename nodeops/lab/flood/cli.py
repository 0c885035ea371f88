"""`nodeops lab flood`: fill a host's log, and watch its disk guard."""

from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import JsonFlag, emit, finite
from nodeops.core.errors import HostError, InputError
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import INVENTORY_HELP, chosen, inventory_folder, managed_nodes
from nodeops.document.resolve import resolve
from nodeops.lab.flood.flood import Flood, take
from nodeops.lab.spec import load_lab
from nodeops.lab.state import SSH_CONFIG_FILE
from nodeops.screen import console, plain_text

_MB = 1_000_000


def flood(
    node: Annotated[str | None, typer.Argument(help="The host; none: the last one that is managed here.")] = None,
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
    rate: Annotated[float, typer.Option("--rate", min=0.001, max=1000, callback=finite, help="Megabytes a second.")] = 100.0,
    seconds: Annotated[float, typer.Option("--seconds", min=1, max=3600, callback=finite, help="For how long.")] = 20.0,
    settle: Annotated[
        float, typer.Option("--settle", min=0, max=3600, callback=finite, help="Look on for at most so many seconds more.")
    ] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Flood a node's log and watch its disk guard. Exits with 1 at 98 % used, with a line missing, or when the chain stood."""
    folder = inventory_folder(inventory)
    load_lab(folder)
    consortium, _ = checked_consortium(folder)
    managed = managed_nodes(consortium, folder)
    name = node or (managed[-1] if managed else "")
    if name not in managed:
        raise InputError(f"no such node: {name or 'none is managed here'}", where="NODE", allowed=", ".join(managed))
    config = folder.resolve() / SSH_CONFIG_FILE
    if not config.is_file():
        raise HostError("is not up", where="the lab", hint=f"nodeops lab up --inventory {folder}")
    document = resolve(consortium, name, chosen(folder).choices)
    err = console(stderr=True)
    err.print(plain_text(f"{name}: {rate:g} MB/s for {seconds:g} s into {document.ledger.paths['log']}"))
    found = take(
        Flood(name, rate * _MB, seconds), config, document, settle, lambda text: err.print(plain_text(text), soft_wrap=True)
    )
    emit(found, as_json)

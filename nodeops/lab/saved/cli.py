"""`nodeops lab save`, `load`, `saved` and `forget`: labs that come back in seconds."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.errors import InputError
from nodeops.core.result import Result, Table
from nodeops.document.fields import NAME_RULE, Name
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder
from nodeops.lab.lock import lock
from nodeops.lab.progress import progress, running_engine
from nodeops.lab.saved import images
from nodeops.lab.saved.load import load as load_lab_again
from nodeops.lab.saved.save import forget as forget_save
from nodeops.lab.saved.save import room
from nodeops.lab.saved.save import save as save_lab
from nodeops.lab.saved.state import Save, saves_of
from nodeops.lab.spec import load_lab

InventoryFlag = Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)]
SaveArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the save.")]


def _checked(name: str) -> str:
    try:
        return TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise InputError(f"'{name}' is not a name", where="NAME", allowed=NAME_RULE) from error


def save(
    name: SaveArgument,
    inventory: InventoryFlag = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Keep all hosts of a lab, with their disks, under a name. They are shut down for that, and started again."""
    lab, name = load_lab(inventory_folder(inventory)), _checked(name)
    with progress(f"lab {lab.name}: looking") as say, lock(f"lab-{lab.name}"), lock("saved"):
        running_engine(say)
        result = save_lab(lab, name, dry_run, say)
    emit(result, as_json)


def load(
    name: SaveArgument,
    inventory: InventoryFlag = None,
    unlike: Annotated[
        bool, typer.Option("--any", help="Load it although inventory, project or lab image changed since.")
    ] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make the hosts of a lab from a save instead of from nothing. Loaded twice, they would be the same validators twice."""
    lab, name = load_lab(inventory_folder(inventory)), _checked(name)
    with progress(f"lab {lab.name}: looking") as say, lock(f"lab-{lab.name}"), lock("saved"):
        running_engine(say)
        result = load_lab_again(lab, name, unlike, dry_run, say)
    emit(result, as_json)


def saved(as_json: JsonFlag = False) -> None:
    """List what is saved, and how much room it takes."""
    with progress("looking for saves") as say:
        saves = saves_of(images.found(running_engine(say)))
    rows = [
        (save.name, save.first.lab, str(len(save.hosts)), _moment(save), room(save), "whole" if save.complete else "unfinished")
        for save in saves
    ]
    data = [
        {
            "save": save.name,
            "lab": save.first.lab,
            "hosts": sorted(save.hosts),
            "made": save.made,
            "bytes": save.bytes,
            "complete": save.complete,
        }
        for save in saves
    ]
    tables = [Table(("save", "of lab", "hosts", "made (UTC)", "room", "state"), rows)] if rows else []
    emit(Result({"saves": data}, tables=tables, lines=[] if rows else ["nothing is saved on this engine"]), as_json)


def _moment(save: Save) -> str:
    return datetime.fromtimestamp(save.made, UTC).strftime("%Y-%m-%d %H:%M:%S")


def forget(name: SaveArgument, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Remove what is saved under a name. A lab that was loaded from it must be down."""
    with progress("looking for saves") as say, lock("saved"):
        running_engine(say)
        result = forget_save(_checked(name), dry_run)
    emit(result, as_json)

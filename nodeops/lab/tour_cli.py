"""`nodeops lab tour`: the five-minute tour of a lab that runs."""

from pathlib import Path
from typing import Annotated

import typer

from nodeops.document.inventory import INVENTORY_HELP, inventory_folder
from nodeops.lab.spec import load_lab
from nodeops.lab.tour import take_tour


def tour(
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
) -> None:
    """Show a running lab: who signs, records written here and proved there, one changed byte that fails."""
    folder = inventory_folder(inventory)
    load_lab(folder)
    take_tour(folder)

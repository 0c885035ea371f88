"""Options that several verbs of `nodeops consortium` have."""

from pathlib import Path
from typing import Annotated

import typer

from nodeops.core.reason import forced_reason
from nodeops.document.inventory import INVENTORY_HELP
from nodeops.ledger.answers import MAX_INTEGER

InventoryOption = Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", help="The consortium file in force (default: the one before, as kept in revisions/)."),
]
ViaOption = Annotated[
    str | None, typer.Option("--via", help="The node of yours to go through (default: the first that answers).")
]
KeyOption = Annotated[
    Path,
    typer.Option(
        "--key",
        help="Your organisation's account key, ed25519: a PEM file of mode 600, or the .pub of one that your SSH agent holds.",
    ),
]
ProposalArgument = Annotated[
    int | None,
    typer.Argument(metavar="PROPOSAL", min=1, max=MAX_INTEGER, help="Its number (default: the only one that waits for votes)."),
]
DespiteOption = Annotated[
    bool,
    typer.Option("--despite-left-over", help="Although an accepted proposal that failed could still be executed by anybody."),
]
ForceOption = Annotated[
    str,
    typer.Option(
        "--force",
        metavar="REASON",
        callback=forced_reason,
        help="Although those that sign now would be too few for blocks. The chain keeps the reason.",
    ),
]
DigestOption = Annotated[
    str | None,
    typer.Option("--digest", help="Agree without the proposed file: its digest, as another member told it to you."),
]

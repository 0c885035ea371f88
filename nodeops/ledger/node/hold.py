"""A ledger whose state is being taken back is held: nothing starts it before that has ended well, also no timer and no boot.

The ledger's unit asserts that one file is not there (roles/ledger). So removing it opens the way, and whoever removes it need
not be us.
"""

from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.document.models import NodeDocument
from nodeops.host.files import write_atomic
from nodeops.ledger.node.begin import has_blocks

_TEXT = b"nodeops: the state of the ledger is being taken back; removed once that has ended well.\n"


def held_by(document: NodeDocument) -> Path:
    """Return the file that holds the ledger while it is there. It outlives a boot: what is half-written then is so still."""
    return Path(document.paths["ledger_held"])


def hold(document: NodeDocument) -> None:
    """Let nothing start the ledger from now on; one that runs is left alone."""
    write_atomic(held_by(document), _TEXT, 0o644)


def held(document: NodeDocument) -> bool:
    """Tell whether the ledger is held: its state is being taken back, or that was interrupted or has failed."""
    return held_by(document).exists()


def free(document: NodeDocument) -> None:
    """Let a ledger go that has no blocks: nothing of it is half-written. Raise Refused where it has some and is held."""
    if not held(document):
        return
    if has_blocks(document):
        text = "may not be started: taking its state back has not ended well"
        raise Refused(text, where=document.ledger.unit, hint="nodeops lifecycle restart goes on with it")
    held_by(document).unlink()

"""A ledger whose state is being taken back is held: nothing starts it before that has ended well, also no timer and no boot.

A drop-in of its unit asserts that the drop-in itself is not there. So removing one file opens it, and whoever removes it need
not be us.
"""

from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.document.models import NodeDocument
from nodeops.host.files import write_atomic
from nodeops.host.units import systemd
from nodeops.ledger.node.begin import has_blocks

# It outlives a boot, unlike /run: a state that is half-written then is half-written still.
_UNITS = Path("/etc/systemd/system")
_TEXT = "# nodeops: the state is being taken back; removed once that has ended well.\n[Unit]\nAssertPathExists=!{}\n"


def drop_in(document: NodeDocument) -> Path:
    """Return the file that holds the ledger while it is there."""
    return _UNITS / f"{document.ledger.unit}.d" / "90-nodeops-recompute.conf"


def hold(document: NodeDocument) -> None:
    """Let nothing start the ledger from now on; one that runs is left alone. Raise HostError when systemd does not take it."""
    file = drop_in(document)
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomic(file, _TEXT.format(file).encode(), 0o644)
    systemd.systemctl("daemon-reload")


def held(document: NodeDocument) -> bool:
    """Tell whether the ledger is held: its state is being taken back, or that was interrupted or has failed."""
    return drop_in(document).exists()


def free(document: NodeDocument) -> None:
    """Let a ledger go that has no blocks: nothing of it is half-written. Raise Refused where it has some and is held."""
    if not held(document):
        return
    if has_blocks(document):
        text = "may not be started: taking its state back has not ended well"
        raise Refused(text, where=document.ledger.unit, hint="nodeops lifecycle restart goes on with it")
    drop_in(document).unlink()
    systemd.systemctl("daemon-reload")

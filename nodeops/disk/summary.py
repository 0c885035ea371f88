"""The disks in a word, for `nodeops status` and the table of the fleet."""

from pathlib import Path

from nodeops.disk.model import Stage
from nodeops.disk.published import STALE_SECONDS, age_seconds, read_status
from nodeops.document.models import NodeDocument


def disk_state(document: NodeDocument) -> str:
    """Return the highest stage of any filesystem, "node stopped", or "no guard". Raise HostError for a status that is damaged."""
    said = read_status(Path(document.paths["run"]) / "disk" / "status.json")
    if said is None or age_seconds(said) > STALE_SECONDS:
        return "no guard"
    if said["node_stopped"]:
        return "node stopped"
    return max((Stage[one["stage"].upper()] for one in said["filesystems"]), default=Stage.NORMAL).name.lower()

"""Let systemd's journal give back space: journalctl itself removes its oldest archived files."""

from pathlib import Path

from nodeops.disk.usage import below
from nodeops.host.command import run

JOURNAL = Path("/var/log/journal")
_VACUUM_SECONDS = 60
_MEASURE_SECONDS = 5.0


def vacuum(keep_bytes: int, folder: Path | None = None) -> int:
    """Shrink the journal to about `keep_bytes` and return the bytes that this freed on disk; 0 where none is kept on disk.

    Files that journald is writing to stay. `folder` is a journal elsewhere than in /var/log/journal. Raise HostError when
    journalctl fails or is missing, Timeout after a minute.
    """
    place = folder or JOURNAL
    if not place.is_dir():
        return 0
    before = below(place, _MEASURE_SECONDS).size
    where = [f"--directory={folder}"] if folder else []
    run(["journalctl", "--quiet", f"--vacuum-size={keep_bytes}", *where], timeout_seconds=_VACUUM_SECONDS)
    return max(0, before - below(place, _MEASURE_SECONDS).size)

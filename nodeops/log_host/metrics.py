"""The logs of nodes on their way, as metrics: on a log host what came of each node, on a node what still waits.

What waits is in a folder of root; `nodeops-look` hands over the sizes of its files.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument, NodeDocument, PlainDocument
from nodeops.log_host import status
from nodeops.metrics.collector import Collector, Sample

WAITING = "log_waiting"
# The log host writes every few seconds, and the look is made twice a minute.
_STALE_SECONDS, _LOOK_STALE_SECONDS = 60.0, 100.0


def look(document: HostDocument) -> Iterator[Sample]:
    """Yield what a log host or a node knows; nothing on a host that is neither. Raise HostError for what is old or damaged."""
    if isinstance(document, NodeDocument) and document.limits.hardening.log_host is not None:
        yield _waiting(Path(document.paths["exporter_look"]) / WAITING)
    elif isinstance(document, PlainDocument) and document.takes_logs:
        yield from _senders(Path(document.paths["log_host_status"]))


def _senders(path: Path) -> Iterator[Sample]:
    said = status.read(path)
    _refuse_old(path, _STALE_SECONDS, "systemctl status nodeops-log-host.service")
    for name in said.missing:
        yield Sample("log_host_heard_timestamp_seconds", 0.0, {"sender": name})
    for name, sender in said.senders.items():
        of = {"sender": name}
        yield Sample("log_host_heard_timestamp_seconds", sender.last, of)
        yield Sample("log_host_kept_bytes", sender.kept_bytes, of)
        yield Sample("log_host_today_ratio", sender.today_bytes / said.day_bytes, of)
        yield Sample("log_host_left_out_lines_total", sender.left_out_ever, of)


def _waiting(path: Path) -> Sample:
    try:
        waiting = sum(map(int, path.read_text(encoding="ascii").split()))
    except (OSError, ValueError) as error:
        raise HostError(f"what waits for the log host cannot be read: {error}", where=str(path)) from error
    _refuse_old(path, _LOOK_STALE_SECONDS, "systemctl status nodeops-look.timer")
    return Sample("log_host_waiting_bytes", waiting)


def _refuse_old(path: Path, seconds: float, hint: str) -> None:
    age = time.time() - path.stat().st_mtime
    if abs(age) > seconds:
        raise HostError(f"nobody has written it for {age:.0f} s", where=str(path), hint=hint)


COLLECTOR = Collector("log_host", look, interval_seconds=15, deadline_seconds=5)

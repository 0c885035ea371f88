"""Whether the ledger may start: what a crash left in its log is finished first, and a disk that is too full refuses.

Called by the ledger's unit before every start, whether the guard runs or not.
"""

import time
from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.core.units import size
from nodeops.disk.model import Stage, Threshold
from nodeops.disk.policy.policy import Policy
from nodeops.host.filesystem import Filesystem
from nodeops.host.usage import filesystems
from nodeops.logstore.intents import open_journal
from nodeops.logstore.naming import STREAM
from nodeops.logstore.recover import recover

_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


def settle(policy: Policy) -> str:
    """Finish what was interrupted in the log, and return what was done. A guard at work does that itself.

    Raise HostError when it cannot be explained: a person must look before anything is written behind a hole.
    """
    live, sealed = Path(policy.log.live), Path(policy.log.sealed)
    if not live.exists() or not sealed.is_dir():
        return ""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with open_journal(Path(policy.journal_file), STREAM, sealed) as journal:
                return recover(live, sealed, journal)
        except Refused:
            # The guard holds the journal: it has recovered before it began, so there is nothing half done.
            if Path(policy.status_file).exists() or time.monotonic() >= until:
                return ""
            time.sleep(_PAUSE_SECONDS)


def require_room(policy: Policy) -> None:
    """Raise Refused while a filesystem that the node writes to is too full.

    After the guard stopped the node, all must be below the low watermark again; otherwise below the critical one.
    """
    stopped = any(Path(one).exists() for one in policy.stopped_files)
    stage = Stage.LOW if stopped else Stage.CRITICAL
    mark = next(one for one in policy.thresholds if one.stage is stage)
    for one in filesystems([Path(policy.watched["data"]), Path(policy.watched["log"])]):
        if _full(one, mark):
            what = f"{one.used_percent:.1f} % used, {size(one.free)} and {one.inodes_free} inodes left"
            hint = "nodeops disk status says what fills it; the node starts by itself once there is room"
            raise Refused(what, where=one.mount, allowed=f"below {mark.percent:g} % ({stage.name.lower()})", hint=hint)


def _full(place: Filesystem, mark: Threshold) -> bool:
    bytes_gone = place.used_percent >= mark.percent and place.free <= mark.free_bytes
    return bytes_gone or place.inodes_used_percent >= mark.percent

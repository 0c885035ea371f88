"""Carry out what was planned, one action after the other. Nothing is decided here. Lean."""

import json
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.units import size
from nodeops.disk.guard import ballast
from nodeops.disk.guard.sealer import LogKeeper
from nodeops.disk.model import Action, Stage
from nodeops.disk.policy import plan, quorum_answer
from nodeops.disk.policy.policy import Policy
from nodeops.disk.purge.executor import Limits, Purged, Why, purge
from nodeops.host.command import run
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.filesystem import Filesystem
from nodeops.host.units import systemd
from nodeops.host.usage import below
from nodeops.logstore.naming import Segment

JOURNAL = Path("/var/log/journal")
_VACUUM_SECONDS = 60
_MEASURE_SECONDS = 5.0
_MARK_MODE = 0o644

# No plan holds more: the last of the walls, in the hands themselves.
BLAST = Limits(files=plan.MOST_FILES, size_bytes=plan.MOST_BYTES)


class Hands:
    """What acts on one host. `alarms` collects what a person must know of; the guard empties it."""

    def __init__(self, policy: Policy, keeper: LogKeeper) -> None:
        self.policy, self._keeper = policy, keeper
        self.alarms: list[str] = []

    def carry_out(self, actions: Sequence[Action], filesystems: Sequence[Filesystem]) -> Iterator[str]:
        """Do what a plan says, in its order; yield what was done, in words. A step that fails is an alarm; the others go on."""
        places = {one.mount: one for one in filesystems}
        for (kind, rule, stage), same in groupby(actions, key=lambda one: (one.kind, one.rule, one.stage)):
            group = list(same)
            try:
                if kind == "purge":
                    yield from self._purge(group, Why(rule, stage, self.policy.node))
                else:
                    for action in group:
                        yield from _ONE[kind](self, action, places)
            except NodeopsError as error:
                self.alarms.append(f"{kind.replace('_', ' ')}: {error.where}: {error.what}")

    def _purge(self, actions: Sequence[Action], why: Why) -> Iterator[str]:
        known = (self._keeper.index.by_name(action.target) for action in actions)
        wanted: list[Segment] = [entry.segment for entry in known if entry is not None]
        done: Purged = purge(self._keeper.sealed, wanted, BLAST, Path(self.policy.receipts_file), why)
        for receipt in done.receipts:
            if receipt.state == "done":
                self._forget(receipt.name)
        self.alarms += [*done.alarms, *(f"{name}: {reason}" for name, reason in done.refused)]
        if done.stopped:
            self.alarms.append(f"purge: {done.stopped}")
        if done.freed:
            count = sum(receipt.state == "done" for receipt in done.receipts)
            yield f"purged {count} segments, {size(done.freed)}, by {why.rule}"

    def _forget(self, name: str) -> None:
        try:
            self._keeper.index.remove(name)
        except HostError:
            # It is right in memory, and saved when there is room.
            return

    def _vacuum(self, action: Action, _: dict[str, Filesystem]) -> Iterator[str]:
        if freed := vacuum(self.policy.journal_bytes):
            yield f"the journal gave back {size(freed)}, by {action.rule}"

    def _release(self, action: Action, places: dict[str, Filesystem]) -> Iterator[str]:
        if (folder := self._ballast_on(places[action.target].device)) and (freed := ballast.release(folder)):
            yield f"released {size(freed)} of ballast on {action.target}, by {action.rule}"

    def _restore(self, action: Action, places: dict[str, Filesystem]) -> Iterator[str]:
        folder = self._ballast_on(places[action.target].device)
        watch = next(one.percent for one in self.policy.thresholds if one.stage is Stage.WATCH)
        if folder and (taken := ballast.restore(folder, places[action.target], watch, self.policy.ballast_bytes)):
            yield f"restored {size(taken)} of ballast on {action.target}"

    def release_for_sealing(self) -> int:
        """Give back the ballast that is kept for sealing on a full disk; return its bytes, 0 when there is none.

        Raise as `ballast.release`.
        """
        folder = self._ballast_on(self._keeper.sealed.stat().st_dev)
        return ballast.release(folder) if folder else 0

    def _ballast_on(self, device: int) -> Path | None:
        """Return the ballast folder that lies on a filesystem; None where it has none."""
        return next((Path(one) for one in self.policy.ballast if Path(one).is_dir() and Path(one).stat().st_dev == device), None)

    def _ask(self, _: Action, __: dict[str, Filesystem]) -> Iterator[str]:
        """Ask the quorum gate, without waiting for what it says."""
        systemd.systemctl("start", quorum_answer.UNIT, "--no-block")
        yield from ()

    def _stop(self, action: Action, places: dict[str, Filesystem]) -> Iterator[str]:
        """Write down why, so that nothing starts the node before there is room, and stop it in order, also without a mark."""
        place = places[action.target]
        why = {"mount": place.mount, "free": place.free, "rule": action.rule, "at": time.time()}
        try:
            self._mark(json.dumps(why).encode())
        finally:
            systemd.systemctl("stop", self.policy.unit)
        yield f"stopped {self.policy.unit}: {place.mount} has {size(place.free)} left"

    def _mark(self, why: bytes) -> None:
        on_disk, in_memory = map(Path, self.policy.stopped_files)
        try:
            write_atomic(on_disk, why, _MARK_MODE)
        except HostError:
            write_atomic(in_memory, why, _MARK_MODE)

    def _start(self, _: Action, __: dict[str, Filesystem]) -> Iterator[str]:
        # The marks go last: whatever interrupts this, the next tick starts the node again.
        systemd.systemctl("start", self.policy.unit)
        for mark in map(Path, self.policy.stopped_files):
            mark.unlink(missing_ok=True)
            sync_folder(mark.parent)
        yield f"started {self.policy.unit}: there is room again"


_ONE = {
    "vacuum_journal": Hands._vacuum,
    "release_ballast": Hands._release,
    "restore_ballast": Hands._restore,
    "ask_quorum": Hands._ask,
    "stop_node": Hands._stop,
    "start_node": Hands._start,
}


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

"""The guard: once a second it looks at every filesystem the node depends on, decides, and acts. Lean: see docs/disk.md.

One tick is observe, decide, act: what is decided is pure (planning.py, stages.py), and `nodeops disk plan` prints the same.
What fails in a tick is an alarm in the status, and the next tick tries again; only a fault of ours ends the process, and systemd
begins it anew. Whatever a kill interrupts, the journal and the receipts tell the next start how to go on.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.core.units import size
from nodeops.disk.guard import requests
from nodeops.disk.guard.execute import Hands
from nodeops.disk.guard.observe import Seen, Watch
from nodeops.disk.guard.publish import publish
from nodeops.disk.guard.sealer import LogKeeper
from nodeops.disk.policy.plan import Asked, next_poll_seconds
from nodeops.disk.policy.policy import Policy, loaded
from nodeops.host.units.notify import notify
from nodeops.logstore.cut import is_full
from nodeops.receipts import book

# A writer, its filesystem or its open mode may change at any time; asking all processes costs 40 ms. So it is asked before
# something is sealed, and while nothing can be sealed; else only now and then.
_LOOK_SECONDS, _CALM_LOOK_SECONDS = 30.0, 120.0
_REFRESH_SECONDS = 5.0
_SEAL_SECONDS = 1.0
_MOST_REMEMBERED = 20


class Guard:
    """The guard of one host; it lives as long as its process."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.keeper = LogKeeper(policy, time.time)
        self.hands = Hands(policy, self.keeper)
        self.watch = Watch(policy, self.keeper)
        self.alarms: list[str] = []
        self.done: list[str] = []
        self._looked = self._refreshed = float("-inf")
        self._began = _versions(policy)

    def start(self) -> None:
        """Bring to rest what was interrupted. Raise HostError when that needs a person."""
        self._note(self.keeper.recover())
        for receipt in book.settle(Path(self.policy.receipts_file), self.policy.node):
            self._note(f"settled: {receipt.name}: {receipt.note}")

    def run(self) -> None:
        """Tick until the agent or the node document changes; then begin anew with what is there now."""
        notify("READY=1")
        while True:
            seen = self.tick()
            notify("WATCHDOG=1", f"STATUS={seen.spoken}")
            if seen.now - self._refreshed >= _REFRESH_SECONDS:
                self._refreshed = seen.now
                if _versions(self.policy) != self._began:
                    self.watch.save()
                    return
            time.sleep(next_poll_seconds(seen.rates))

    def tick(self) -> Seen:
        """Look, decide, act, and say what was seen and done."""
        self.alarms, self.hands.alarms = [], []
        self._guarded(self._see_losses)
        self._look(0.0 if self.keeper.is_another else _CALM_LOOK_SECONDS if self.keeper.calm else _LOOK_SECONDS)
        request = requests.pending(Path(self.policy.run))
        asked = Asked(request.seal, request.purge_bytes) if request else Asked()
        seen = self.watch.look(asked)
        before = len(self.done)
        if request is None or not request.dry_run:
            self._act(seen)
        alarms = [*seen.alarms, *self.alarms, *self.hands.alarms]
        publish(self.policy, seen, self.keeper, alarms, self.done[-_MOST_REMEMBERED:])
        # Whoever has the answer finds the status that belongs to it.
        if request is not None:
            requests.answer(Path(self.policy.run), request, seen.plan, self.done[before:], alarms)
        self.done = self.done[-_MOST_REMEMBERED:]
        return seen

    def _see_losses(self) -> None:
        if said := self.keeper.watch(time.clock_gettime(time.CLOCK_BOOTTIME)):
            self._note(f"LOST: {said}")

    def _look(self, older_than_seconds: float) -> None:
        """Look at the log and its writers, unless that was done just now."""
        if time.monotonic() - self._looked >= older_than_seconds:
            self._looked = time.monotonic()
            self._guarded(self.keeper.look)
            self.keeper.tend_index()

    def _act(self, seen: Seen) -> None:
        waiting = ""
        for sealing, same in groupby(seen.plan.actions, key=lambda one: one.kind == "seal"):
            if sealing:
                rule = next(same).rule
                waiting = "" if self._seal(rule) or (self._has_made_room() and self._seal(rule)) else rule
                continue
            for text in self.hands.carry_out(list(same), seen.filesystems):
                self._note(text)
        if waiting:
            # What was purged just now is room that a quick writer has taken by the next look.
            self._seal(waiting)
        self.watch.was_done(seen.plan)

    def _has_made_room(self) -> bool:
        """Give back the ballast that is kept for this: a disk without a free byte, and a log that only needs some to shrink."""
        freed = 0
        with suppress(NodeopsError, OSError):
            freed = self.hands.release_for_sealing()
        if freed:
            self._note(f"released {size(freed)} of ballast to seal on a full disk")
        return bool(freed)

    def _seal(self, rule: str) -> bool:
        """Seal for a while: a flood that is as quick as we are must not keep us from purging. False when the disk is full."""
        self._look(_LOOK_SECONDS)
        until = time.monotonic() + _SEAL_SECONDS
        try:
            for made in self.keeper.seal(0):
                self._note(f"sealed {size(made.end - made.start)} into {size(made.size)}, by {rule}")
                notify("WATCHDOG=1")
                if time.monotonic() >= until:
                    break
        except NodeopsError as error:
            self.alarms.append(f"seal: {error.where}: {error.what}")
            return not is_full(error)
        return True

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except NodeopsError as error:
            self.alarms.append(f"{error.where}: {error.what}")

    def _note(self, text: str) -> None:
        self.done.append(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} {text}")


def _versions(policy: Policy) -> Sequence[object]:
    """Return what the guard was started from: the agent's tree, the node document, and a unit that hides the keys.

    Systemd hides a folder that is there when the unit starts. One that is put in its place later, as a node's identity is when
    it is made, shows up here: then the guard begins anew, and its unit hides that one too.
    """
    found: list[object] = [_sees(policy.hidden)]
    for path in (policy.agent, policy.document):
        try:
            facts = os.stat(path)  # noqa: PTH116 - a link to a tree, followed
            found.append((facts.st_dev, facts.st_ino, facts.st_mtime_ns))
        except OSError:
            found.append(None)
    return found


def _sees(folder: str) -> bool:
    """Tell whether there is anything in a folder, as far as this process can see."""
    try:
        return bool(os.listdir(folder))  # noqa: PTH208 - names alone
    except OSError:
        return False


def main(policy_file: str) -> None:
    """Run the guard with the policy in a file until it must begin anew."""
    try:
        guard = Guard(loaded(Path(policy_file).read_bytes()))
        guard.start()
        guard.run()
    except NodeopsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)

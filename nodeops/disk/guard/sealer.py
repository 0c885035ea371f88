"""Keep the ledger's log small: choose how it is sealed, seal it, and know every segment there is. Lean."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from nodeops.core.errors import HostError, NodeopsError, Refused
from nodeops.disk.policy.policy import Policy
from nodeops.host.beneath import Gone
from nodeops.host.extents import collapse_refusal, holes
from nodeops.host.units import systemd
from nodeops.host.writers import deleted_open, writers
from nodeops.logstore import index, seal
from nodeops.logstore.cut import Clock, Unfinished
from nodeops.logstore.holes import mend
from nodeops.logstore.intents import lost, open_journal
from nodeops.logstore.method import Facts, Method, choose
from nodeops.logstore.naming import STREAM, Segment
from nodeops.logstore.recover import recover
from nodeops.logstore.seal import drain_deleted, finish_deleted, seal_closed
from nodeops.logstore.source import opened, opened_deleted

# Reading a trailer costs nothing, its digest reads the file: so much of that in one tick while an index is made anew.
_REBUILD_BYTES = 256 << 20
# How much a crash makes us forget of how large the log was.
_KEEP_SECONDS = 60.0


class LogKeeper:
    """The log of one node: its journal, held as long as this lives, and the index of its segments.

    Raise what `open_journal` and `open_or_rebuild` raise.
    """

    def __init__(self, policy: Policy, now: Clock) -> None:
        self.log, self._unit, self._now = policy.log, policy.unit, now
        self.live, self.sealed = Path(policy.log.live), Path(policy.log.sealed)
        self.journal = open_journal(Path(policy.journal_file), STREAM, self.sealed)
        self.index = index.open_or_rebuild(Path(policy.index_file), [self.sealed], _REBUILD_BYTES)
        self.method = Method("refused", "not looked at yet")
        self._inode = 0
        self._kept = (0, float("-inf"))

    def close(self) -> None:
        """Let another process seal."""
        self.journal.close()

    def recover(self) -> str:
        """Bring to rest what was interrupted, also by a power cut; return what was done. Raise as `recover.recover`."""
        said = recover(self.live, self.sealed, self.journal)
        # A writer that is at work already keeps us from it: then the method says so, and the next start does it.
        with suppress(Refused, FileNotFoundError, Gone):
            if mended := mend(self.live):
                return f"{said}; {mended} bytes that a power cut left out are zeros now"
        return said

    @property
    def live_bytes(self) -> int:
        """Return the size of the live log; 0 while there is none."""
        with suppress(OSError):
            return self.live.lstat().st_size
        return 0

    @property
    def oldest(self) -> float:
        """Return when the oldest byte that is not sealed was written, in Unix seconds, as closely as it is known; 0: unknown."""
        marks = [mark for mark in self.journal.record.marks if mark.size <= self.journal.record.base]
        return marks[-1].at if marks else 0.0

    @property
    def is_another(self) -> bool:
        """Tell whether the live log is another file than the one that was looked at, such as the first one there ever was."""
        with suppress(OSError):
            return self.live.lstat().st_ino != self._inode
        return False

    @property
    def calm(self) -> bool:
        """Tell whether the log can be sealed and every segment is known: nothing more to find out soon."""
        return self.method.kind != "refused" and not self.index.rebuilding

    def look(self) -> None:
        """Look at the log and its writers, and choose how it is made smaller. Raise HostError when it cannot be looked at."""
        try:
            found = self.live.lstat()
        except FileNotFoundError:
            self.method = Method("refused", "there is no log yet")
            return
        self._inode = found.st_ino
        seen = writers(found.st_dev, found.st_ino)
        refusal = collapse_refusal(self.sealed) if self.log.rotation == "none" else ""
        facts = Facts(
            rotator=self.log.rotation,
            regular=self.live.is_file() and not self.live.is_symlink(),
            links=found.st_nlink,
            writers=len(seen),
            not_appending=[one.name for one in seen if not one.append and not one.mapped],
            mapping=[one.name for one in seen if one.mapped],
            collapse_refusal=refusal,
            holes=self._has_holes(),
        )
        self.method = choose(facts)
        with suppress(Unfinished):
            seal.observe(self.live, self.journal, STREAM, self._now)

    def watch(self, now: float) -> str:
        """See whether the log is shorter than it ever was, or another file; return what was lost, empty when nothing was.

        Called in every tick: what is lost is what came since the last look. `now` is seconds since boot. How large the log was
        is kept on disk now and then, so that a guard that begins anew still knows it. Raise HostError when it cannot be kept.
        """
        before = self.journal.record.gaps_total
        with suppress(Unfinished, Gone, Refused):
            seal.observe(self.live, self.journal, STREAM, self._now, alone=self.log.rotation == "none")
        record = self.journal.record
        size, kept = self._kept
        if record.state == "idle" and record.size != size and now - kept >= _KEEP_SECONDS:
            self.journal.write(record)
            self._kept = (record.size, now)
        return lost(record.gaps[-1]) if record.gaps_total > before else ""

    def _has_holes(self) -> bool:
        try:
            with opened(self.live, writing=False) as source:
                return bool(holes(source.handle, 1))
        except NodeopsError:
            return False

    def seal(self, keep_bytes: int) -> Iterator[Segment]:
        """Seal until at most `keep_bytes` of the live log are left; yield each segment once it is on disk and known.

        Raise Refused when the log cannot be sealed without losing lines, HostError when a step fails.
        """
        for made in self._sealing(keep_bytes):
            with suppress(HostError):
                self.index.add(made, self.sealed)
            yield made

    def _sealing(self, keep_bytes: int) -> Iterator[Segment]:
        if self.method.kind == "refused":
            raise Refused(self.method.reason, where=str(self.live))
        if self.method.kind == "reopen" and self.live_bytes > keep_bytes and not self._rotated():
            self._reopen()
        for path in self._rotated():
            yield from seal_closed(path, self.sealed, self.journal, STREAM, self._now)
        if self.method.kind == "collapse":
            yield from self._collapsing(keep_bytes)

    def _collapsing(self, keep_bytes: int) -> Iterator[Segment]:
        try:
            yield from seal.drain(self.live, self.sealed, self.journal, STREAM, keep_bytes, self._now)
        except Unfinished as before:
            yield from self._finish(before)

    def _finish(self, before: Unfinished) -> Iterator[Segment]:
        """Seal the file that was the log before: renamed by somebody, or deleted and still held open."""
        path = Path(before.where)
        if not before.where.startswith("/proc/"):
            yield from seal_closed(path, self.sealed, self.journal, STREAM, self._now)
            return
        for one in deleted_open(str(self.live.parent)):
            if one.fd_path == before.where:
                with opened_deleted(one, writing=False) as held:
                    yield from drain_deleted(one, self.sealed, self.journal, STREAM, self._now)
                    # Its last block, once nobody writes any more: ours is then the last handle.
                    yield from finish_deleted(held, self.sealed, self.journal, STREAM, self._now)

    def _rotated(self) -> Sequence[Path]:
        """Return files that were renamed, oldest first."""
        if not self.log.rotated:
            return []
        found = [path for path in self.live.parent.glob(self.log.rotated) if path != self.live and path.is_file()]
        return sorted(found, key=lambda path: (path.lstat().st_mtime_ns, path.name))

    def _reopen(self) -> None:
        """Rename the live log and tell its writer; it is sealed once the writer has opened the new one."""
        pid = systemd.unit(self._unit).pid
        if not pid:
            return
        target = self.live.with_name(self.log.rotated.replace("*", f"{self._now():.0f}"))
        if target.exists():
            raise HostError("is there already", where=str(target), hint="it is sealed first; wait a moment")
        self.live.rename(target)
        os.kill(pid, signal.Signals[self.log.reopen_signal])

    def tend_index(self) -> None:
        """Go on reading what the index does not know yet, and save what could not be saved. Errors wait for the next time."""
        with suppress(NodeopsError):
            self.index.go_on(_REBUILD_BYTES)

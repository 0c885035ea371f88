"""Hold a lease on this host's node for work that takes long, where the ledger has leases, and give it back."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nodeops.core.errors import NodeopsError, Refused
from nodeops.document.models import NodeDocument
from nodeops.quorum.lease.entries import Acquire, Release, Renew, Step
from nodeops.quorum.lease.policy import Lease, Reading
from nodeops.quorum.lease.store import LeaseStore, open_leases_to_write
from nodeops.records.backend import knows_authors

_WRITE_SECONDS = 60.0
# A lease is renewed when so much of it is left, and tried so often in its time; what begins needs so much of it.
_RENEWED_AT, _TRIES, _NEEDED = 2 / 3, 6, 1 / 10
SHOWS_LESS = "this node shows less of the ledger than a moment ago"
_AGAIN = "run it again: it goes on where it stopped; nodeops quorum lease list shows who holds what"


def known_by(read: Reading) -> dict[str, Any]:
    """Return what every entry says of its writer: up to where the ledger was read, and by which terms."""
    return {"after": read.height, "terms": read.book.terms.name}


def objection(read: Reading, step: Step, organisation: str) -> str:
    """Return why a step would count for nothing, "" when it would count. Who may read another book than others only releases."""
    if read.unsure and not isinstance(step, Release):
        return read.unsure
    return read.book.objection(step, organisation, read.now)


class Held:
    """A lease that work in this process has: for so many seconds when it was renewed, for a reason that tells it from others'."""

    def __init__(self, document: NodeDocument, seconds: int, reason: str) -> None:
        self.document, self.seconds, self.reason = document, seconds, reason
        self.ends, self.why = 0.0, "it was never granted"

    def require(self) -> None:
        """Raise Refused where the lease does not hold any more, or not long enough to begin something."""
        needed = self.seconds * _NEEDED
        if self.left() < needed:
            self.renew()
        if self.left() < needed:
            what = f"stopped before the next step: the lease on {self.document.node.name} has ended and is not renewed"
            raise Refused(f"{what}: {self.why}", where=self.document.node.name, hint=_AGAIN)

    def left(self) -> float:
        """Return how many seconds it holds still."""
        return self.ends - time.monotonic()

    def renew(self, *, begins: bool = False) -> None:
        """Let it end as late as it can; where the work `begins`, acquire it. One that a killed run of the same work left is this
        work's. Where that cannot be, `why` says so, and it holds as long as it did."""
        try:
            self._renewed(begins)
        except NodeopsError as error:
            self.why = error.what

    def _renewed(self, begins: bool) -> None:
        began = time.monotonic()
        store, pen = open_leases_to_write(self.document)
        with pen.alone(_WRITE_SECONDS):
            read = store.read()
            own = _own(read.book.live(read.now), self.document, self.reason)
            if own is None and not begins:
                self.ends, self.why = 0.0, "another entry ended it"
                return
            step = self._step(read, own is not None)
            self.why = objection(read, step, self.document.node.organisation) or _written(store, step)
            found = store.read()
            self.why = self.why or found.unsure
            held = None if found.unsure else _own(found.book.live(found.now), self.document, self.reason)
            # Block time is that of a block before, so it is counted from before the ledger was read.
            self.ends = began + held.until - found.now if held else 0.0

    def _step(self, read: Reading, renews: bool) -> Step:
        name, known = self.document.node.name, known_by(read)
        if renews:
            return Renew(node=name, seconds=self.seconds, **known)
        return Acquire(node=name, seconds=self.seconds, reason=self.reason, **known)

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew it again and again while the block runs, so that what takes long has it in the end."""
        over = threading.Event()
        thread = threading.Thread(target=self._renew_until, args=(over,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_WRITE_SECONDS)

    def _renew_until(self, over: threading.Event) -> None:
        while not over.wait(self.seconds / _TRIES):
            if self.left() < self.seconds * _RENEWED_AT:
                self.renew()


def begin(document: NodeDocument, seconds: int, reason: str, report: Callable[[str], None]) -> Held | None:
    """Acquire a lease on this host's node, or take over what a killed run left for the same reason. Return it, None where there
    is none; `end` gives it back.

    Without one the work may go on: the gate decides. So where it is not granted or cannot be written, that is reported, no more.
    """
    if not knows_authors(document):
        return None
    report("acquiring a lease")
    held = Held(document, seconds, reason)
    held.renew(begins=True)
    if not held.why and held.left() > 0:
        return held
    report(f"no lease: {held.why}")
    return None


def end(document: NodeDocument, reason: str, report: Callable[[str], None]) -> None:
    """Release the lease on this host's node that `begin` acquired for a reason; one that somebody else has by now stays. Where
    there is none there is nothing to do: `begin` may have given up on an entry that a later block took.

    One that cannot be released ends by itself, which is reported.
    """
    if not knows_authors(document):
        return
    try:
        store, pen = open_leases_to_write(document)
        with pen.alone(_WRITE_SECONDS):
            read = store.read()
            if _own(read.book.reserved(read.now), document, reason):
                store.write(Release(node=document.node.name, **known_by(read)), _WRITE_SECONDS)
    except NodeopsError as error:
        report(f"the lease was not released, and ends by itself: {error.what}")


def _own(leases: Sequence[Lease], document: NodeDocument, reason: str) -> Lease | None:
    """Return the lease that this host's node has for a reason."""
    name = document.node.name
    return next((one for one in leases if (one.node, one.author, one.reason) == (name, name, reason)), None)


def _written(store: LeaseStore, step: Step) -> str:
    """Write an entry. Return why the ledger's order made nothing of it, "" when it counts."""
    entry = store.write(step, _WRITE_SECONDS)
    return store.read().judged.get(entry.hash, SHOWS_LESS)

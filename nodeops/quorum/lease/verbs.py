"""What the verbs of leases do: read, refuse what would count for nothing, write, and tell what the ledger's order made of it."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeops.console import working
from nodeops.core.errors import HostError, InputError, Refused
from nodeops.core.result import Change, Result
from nodeops.core.spoken_time import duration
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.quorum.lease.bounds import BOUNDS, LONGEST_SECONDS, SHORTEST_SECONDS
from nodeops.quorum.lease.entries import MOST_HEIGHT, Acquire, Release, Renew, Step, memo_of
from nodeops.quorum.lease.hold import SHOWS_LESS, known_by, objection
from nodeops.quorum.lease.policy import OTHER_TERMS, Lease, Reading
from nodeops.quorum.lease.promised import shown_time
from nodeops.quorum.lease.store import LeaseStore, open_leases, open_leases_to_write
from nodeops.quorum.lease.view import lease_data, lease_table, reading_data

_REASON_LENGTH = 200
_LONGEST_TERMS = "0" * 16


@dataclass(frozen=True)
class Asked:
    """Which node a verb is about, on which host it runs, and how many seconds a block may take."""

    document: NodeDocument
    node: str
    timeout_seconds: float
    dry_run: bool


def asked_for(document: Path | None, node: str, timeout_seconds: float, dry_run: bool) -> Asked:
    """Return what is asked for. Raise InputError for a node that is not of this host's organisation."""
    loaded = load_node_document(document)
    name = node or loaded.node.name
    owner = next((one.organisation for one in loaded.members if one.name == name), None)
    if owner != loaded.node.organisation:
        own = ", ".join(one.name for one in loaded.members if one.organisation == loaded.node.organisation)
        what = f"is {owner}'s" if owner else "is no node of the consortium"
        raise InputError(what, where=f"--node {name!a}", allowed=own, hint="only its own organisation has leases on a node")
    return Asked(loaded, name, timeout_seconds, dry_run)


def listed(document: Path | None) -> Result:
    """Return the answer of `lease list`."""
    node = load_node_document(document)
    with working("reading what authors wrote"):
        read = open_leases(node).read()
    live = read.book.live(read.now)
    lines = [] if live else ["no node is under a lease"]
    lines += [
        f"left to {one.node} ({one.organisation}) until {shown_time(one.until)}, though it gives no right: it {OTHER_TERMS}"
        for one in read.book.elsewhere(read.now)
    ]
    unsure = read.unsure or read.book.doubted(read.now)
    lines += [f"no lease gives this host a right: {unsure}"] if unsure else []
    lines.append(f"at height {read.height}, {shown_time(read.now)}; {read.book.terms.spare} voting power can be under leases")
    return Result(reading_data(read), lease_table(live, read.now), lines)


def acquire(asked: Asked, lasting: str, reason: str) -> Result:
    """Return the answer of `lease acquire`. Raise Refused where it is not granted, Timeout where no block takes it."""
    seconds, why = _seconds(lasting), _reason(reason)
    memo_of(Acquire(node=asked.node, seconds=seconds, reason=why, after=MOST_HEIGHT, terms=_LONGEST_TERMS))
    return _written(asked, lambda known: Acquire(node=asked.node, seconds=seconds, reason=why, **known))


def renew(asked: Asked, lasting: str) -> Result:
    """Return the answer of `lease renew`. Raise as `acquire`."""
    seconds = _seconds(lasting)
    return _written(asked, lambda known: Renew(node=asked.node, seconds=seconds, **known))


def release(asked: Asked) -> Result:
    """Return the answer of `lease release`. Raise as `acquire`."""
    return _written(asked, lambda known: Release(node=asked.node, **known))


def _seconds(text: str) -> int:
    seconds = int(duration(text, "--for"))
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise InputError(f"'{text}' is out of bounds", where="--for", allowed=BOUNDS)
    return seconds


def _reason(text: str) -> str:
    if not 0 < len(text) <= _REASON_LENGTH or not text.isprintable():
        raise InputError("is no reason", where="--reason", allowed=f"1 to {_REASON_LENGTH} characters that can be printed")
    return text


def _written(asked: Asked, make: Callable[[dict[str, Any]], Step]) -> Result:
    """Read, refuse what would count for nothing, write, and tell what the ledger's order made of it."""
    with working("reading what authors wrote") as say:
        store, pen = open_leases_to_write(asked.document)
        with nullcontext() if asked.dry_run else pen.alone(asked.timeout_seconds):
            before = store.read()
            step = make(known_by(before))
            if (nothing := _nothing(asked, before, step)) is not None:
                return nothing
            if why := objection(before, step, asked.document.node.organisation):
                raise _refused(asked, why)
            if asked.dry_run:
                return _answer(asked, step, before, before)
            say("waiting for the block that takes it")
            return _answer(asked, step, before, _judged(store, asked, step))


def _nothing(asked: Asked, read: Reading, step: Step) -> Result | None:
    """Return the answer where the ledger says already what is asked for."""
    held = read.book.of(asked.node, read.now)
    own = held is not None and held.organisation == asked.document.node.organisation
    if isinstance(step, Acquire) and held is not None and own:
        line = f"nothing to do: {asked.node} is under a lease until {shown_time(held.until)}; renew makes it longer"
        return Result({"lease": lease_data(held), "dry_run": asked.dry_run}, lines=[line])
    if isinstance(step, Release) and all(one.node != asked.node for one in read.book.reserved(read.now)):
        return Result({"lease": None, "dry_run": asked.dry_run}, lines=[f"nothing to do: {asked.node} is under no lease"])
    return None


def _judged(store: LeaseStore, asked: Asked, step: Step) -> Reading:
    """Write, and return the book with it. Raise Refused where the order of the ledger made nothing of it."""
    entry = store.write(step, asked.timeout_seconds)
    read = store.read()
    if entry.hash not in read.judged:
        raise HostError(SHOWS_LESS, where=asked.node, hint="nodeops quorum lease list says what became of it")
    if why := read.judged[entry.hash]:
        raise _refused(asked, f"another entry was first: {why}")
    return read


def _answer(asked: Asked, step: Step, before: Reading, after: Reading) -> Result:
    was, found = before.book.of(asked.node, before.now), after.book.of(asked.node, after.now)
    until = {"acquire": "lease", "renew": "longer lease", "release": "no lease"}[step.do]
    change = Change(
        f"{step.do} the lease on {asked.node}",
        f"{until}, for all to see on chain {asked.document.ledger.chain}",
        before=shown_time(was.until) if was else "",
        after=_after(step, asked.dry_run, found, before.now),
    )
    data = {"lease": lease_data(found) if found else None, "dry_run": asked.dry_run, "height": after.height}
    return Result(data, lease_table([found], after.now) if found and not asked.dry_run else [], changes=[change])


def _after(step: Step, planned: bool, found: Lease | None, now: int) -> str:
    """Return until when the lease holds then: as the ledger says, or, where it is only planned, as it would from now on."""
    if isinstance(step, Release):
        return "none"
    return shown_time(now + step.seconds if planned or found is None else found.until)


def _refused(asked: Asked, why: str) -> Refused:
    return Refused(f"no lease: {why}", where=asked.node, hint="nodeops quorum lease list shows who holds what, and until when")

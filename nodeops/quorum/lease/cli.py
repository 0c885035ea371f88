"""`nodeops quorum lease`: promise power to a node under maintenance, on the ledger, for all organisations to see."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, console, emit, finite, progress
from nodeops.core.errors import InputError, Refused
from nodeops.core.result import Change, Result
from nodeops.core.spoken_time import duration
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.quorum.lease.entries import LONGEST_SECONDS, MOST_HEIGHT, SHORTEST_SECONDS, Acquire, Release, Renew, Step, memo_of
from nodeops.quorum.lease.policy import Reading
from nodeops.quorum.lease.promised import shown_time
from nodeops.quorum.lease.store import LeaseStore, open_leases, open_leases_to_write
from nodeops.quorum.lease.view import lease_data, lease_table, reading_data

app = typer.Typer(no_args_is_help=True)

_BOUNDS = f"{SHORTEST_SECONDS}s to {LONGEST_SECONDS // 3600}h"
_REASON_LENGTH = 200
NodeOption = Annotated[
    str, typer.Option("--node", metavar="NODE", help="Node of this organisation; this host's own if not said.")
]
ForOption = Annotated[str, typer.Option("--for", metavar="DURATION", help=f"How long, in block time: {_BOUNDS}, such as 30m.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; everybody reads it.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=1, max=86400, callback=finite, help="Seconds to wait for the block that takes it.")
]


@app.callback()
def lease() -> None:
    """Leases for maintenance: who may take a node away, by the order of the ledger."""


@dataclass(frozen=True)
class _Asked:
    document: NodeDocument
    node: str
    timeout_seconds: float
    dry_run: bool


@app.command("list")
def list_(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show the leases that hold, and how much of its day each organisation has used."""
    node = load_node_document(document)
    with console(stderr=True).status("reading what authors wrote"):
        read = open_leases(node).read()
    live = read.book.live(read.now)
    lines = [] if live else ["no node is under a lease"]
    lines.append(f"at height {read.height}, {shown_time(read.now)}; {read.book.terms.spare} voting power can be under leases")
    emit(Result(reading_data(read), lease_table(live, read.now), lines), as_json)


@app.command()
def acquire(
    duration_: ForOption,
    reason: ReasonOption,
    node: NodeOption = "",
    timeout: TimeoutOption = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Acquire a lease on a node: while it holds, the others' gates count the node as gone, and it need not wait for its turn.

    Exit code 4 when it is refused, with the numbers, or when another was first."""
    asked, seconds, why = _asked(document, node, timeout, dry_run), _seconds(duration_), _reason(reason)
    memo_of(Acquire(node=asked.node, seconds=seconds, reason=why, after=MOST_HEIGHT))
    emit(_written(asked, lambda after: Acquire(node=asked.node, seconds=seconds, reason=why, after=after)), as_json)


@app.command()
def renew(
    duration_: ForOption,
    node: NodeOption = "",
    timeout: TimeoutOption = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a lease end so long from now, at most 4 hours after it was acquired. Exit code 4 when it is refused."""
    asked, seconds = _asked(document, node, timeout, dry_run), _seconds(duration_)
    emit(_written(asked, lambda after: Renew(node=asked.node, seconds=seconds, after=after)), as_json)


@app.command()
def release(
    node: NodeOption = "",
    timeout: TimeoutOption = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """End a lease now. Where there is none, there is nothing to do."""
    asked = _asked(document, node, timeout, dry_run)
    emit(_written(asked, lambda after: Release(node=asked.node, after=after)), as_json)


def _asked(document: Any, node: str, timeout: float, dry_run: bool) -> _Asked:
    loaded = load_node_document(document)
    name = node or loaded.node.name
    owner = next((one.organisation for one in loaded.members if one.name == name), None)
    if owner != loaded.node.organisation:
        own = ", ".join(one.name for one in loaded.members if one.organisation == loaded.node.organisation)
        what = f"is {owner}'s" if owner else "is no node of the consortium"
        raise InputError(what, where=f"--node {name!a}", allowed=own, hint="only its own organisation has leases on a node")
    return _Asked(loaded, name, timeout, dry_run)


def _seconds(text: str) -> int:
    seconds = int(duration(text, "--for"))
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise InputError(f"'{text}' is out of bounds", where="--for", allowed=_BOUNDS)
    return seconds


def _reason(text: str) -> str:
    if not 0 < len(text) <= _REASON_LENGTH or not text.isprintable():
        raise InputError("is no reason", where="--reason", allowed=f"1 to {_REASON_LENGTH} characters that can be printed")
    return text


def _written(asked: _Asked, make: Callable[[int], Step]) -> Result:
    """Read, refuse what would count for nothing, write, and tell what the ledger's order made of it."""
    with console(stderr=True).status("reading what authors wrote") as shown:
        store, pen = open_leases_to_write(asked.document)
        with nullcontext() if asked.dry_run else pen.alone(asked.timeout_seconds):
            before = store.read()
            step = make(before.height)
            if (nothing := _nothing(asked, before, step)) is not None:
                return nothing
            if why := before.book.objection(step, asked.document.node.organisation, before.now):
                raise _refused(asked, why)
            if asked.dry_run:
                return _answer(asked, step, before, before)
            progress(shown)("waiting for the block that takes it")
            return _answer(asked, step, before, _judged(store, asked, step))


def _nothing(asked: _Asked, read: Reading, step: Step) -> Result | None:
    """Return the answer where the ledger says already what is asked for."""
    held = read.book.of(asked.node, read.now)
    own = held is not None and held.organisation == asked.document.node.organisation
    if isinstance(step, Acquire) and held is not None and own:
        line = f"nothing to do: {asked.node} is under a lease until {shown_time(held.until)}; renew makes it longer"
        return Result({"lease": lease_data(held), "dry_run": asked.dry_run}, lines=[line])
    if isinstance(step, Release) and held is None:
        return Result({"lease": None, "dry_run": asked.dry_run}, lines=[f"nothing to do: {asked.node} is under no lease"])
    return None


def _judged(store: LeaseStore, asked: _Asked, step: Step) -> Reading:
    """Write, and return the book with it. Raise Refused where the order of the ledger made nothing of it."""
    entry = store.write(step, asked.timeout_seconds)
    read = store.read()
    if why := read.judged[entry.hash]:
        raise _refused(asked, f"another entry was first: {why}")
    return read


def _answer(asked: _Asked, step: Step, before: Reading, after: Reading) -> Result:
    was, found = before.book.of(asked.node, before.now), after.book.of(asked.node, after.now)
    until = {"acquire": "lease", "renew": "longer lease", "release": "no lease"}[step.do]
    change = Change(
        f"{step.do} the lease on {asked.node}",
        f"{until}, for all to see on chain {asked.document.ledger.chain}",
        before=shown_time(was.until) if was else "",
        after=_after(step, found, before.now),
    )
    data = {"lease": lease_data(found) if found else None, "dry_run": asked.dry_run, "height": after.height}
    return Result(data, lease_table([found], after.now) if found and not asked.dry_run else [], changes=[change])


def _after(step: Step, found: Any, now: int) -> str:
    if isinstance(step, Release):
        return "none"
    return shown_time(found.until if found and isinstance(step, Acquire) else now + step.seconds)


def _refused(asked: _Asked, why: str) -> Refused:
    return Refused(f"no lease: {why}", where=asked.node, hint="nodeops quorum lease list shows who holds what, and until when")

"""Restart the ledger as a roll does: with leave of the quorum gate, and back to what worked when the node does not come back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.core.printable import printable
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host.units import systemd
from nodeops.host.units.service import Observed, carry_out
from nodeops.ledger.node import worked
from nodeops.ledger.node.hold import held
from nodeops.ledger.node.rejoin import Part, await_listening, part_taken, rejoin, settle
from nodeops.ledger.node.service import observe
from nodeops.ledger.node.worked import Worked
from nodeops.lifecycle.dispute import log_size, outvoted
from nodeops.lifecycle.recompute import expected_part, take_back
from nodeops.quorum.leave import Gate
from nodeops.quorum.policy import Standing

Report = Callable[[str], None]
_LAST_BYTES = 20_000


@dataclass(frozen=True)
class Restart:
    """One restart: of which node, what is done, and how many seconds the node gets to take part again."""

    document: NodeDocument
    changes: Sequence[Change]
    timeout_seconds: float
    report: Report


def restart(asked: Gate, changes: Sequence[Change], timeout_seconds: float, report: Report, recompute: bool = False) -> None:
    """Wait for leave, carry out a plan that restarts the ledger, and wait until the node takes part again. With `recompute` it
    computes its newest block anew first, also where that was begun before and has not ended well.

    When the gate says no, or the node does not come back, what worked last is put back, and the error says so: Refused and
    Timeout of the gate, Timeout of a node that does not take part again; as `take_back`, then nothing is put back.
    """
    document = asked.node
    seen = _observed(document)
    if not seen.stale and part_taken(document):
        worked.keep(document, seen)
    kept = other(worked.read(document), seen)
    try:
        seen_by_gate = asked.wait(report).seen
    except NodeopsError as error:
        raise replace(error, what=f"{error.what}{_goes_on(document, kept, seen)}") from error
    except BaseException:
        # Ctrl-C, `kill`, a terminal that was closed: it may have waited for minutes.
        _goes_on(document, kept, seen)
        raise
    part, work = part_of(seen_by_gate), Restart(document, changes, timeout_seconds, report)
    mark = log_size(document)
    if recompute or held(document):
        part = part or expected_part(document)
        # Where this fails the ledger stays stopped, with the files that it is to go on with.
        take_back(document, report)
    try:
        _carry_out(work, changes, part)
    except NodeopsError as error:
        raise _went_back(work, kept, part, _with_last_words(document, error, mark), mark) from error
    if part is not None:
        worked.keep(document, observe(document))


def _observed(document: NodeDocument) -> Observed:
    """Return the unit as its file says: until a reload, systemd tells of the file before."""
    seen = observe(document)
    if not seen.unit.needs_reload:
        return seen
    systemd.systemctl("daemon-reload")
    return observe(document)


def other(kept: Worked | None, seen: Observed) -> Worked | None:
    """Return what worked when it is another configuration than the one that is to be started: only that mends anything."""
    return kept if kept and kept.configuration != seen.configured else None


def _goes_on(document: NodeDocument, kept: Worked | None, seen: Observed) -> str:
    """Put the files of the process that goes on running back, and say so: what was not tried is not what the next boot starts."""
    if kept is None or kept.configuration != seen.running:
        return ""
    worked.put_back(document, kept)
    return f". It goes on with {kept}, and its files say so again"


def _went_back(work: Restart, kept: Worked | None, part: Part | None, error: NodeopsError, mark: int) -> NodeopsError:
    """Put back what worked and return the error that says so. A state that the chain has not is taken back, too; `mark` is the
    size of the log before."""
    where = f"the ledger of {work.document.node.name}"
    if kept is None:
        return replace(error, where=where, what=f"{error.what}. Nothing else that worked is kept, so nothing was put back")
    try:
        wrong = outvoted(work.document, mark)
        worked.put_back(work.document, kept)
        wrong = _start_again(work, part, mark, wrong)
    except NodeopsError as second:
        what, hint = f"{error.what}. Going back to {kept} failed too: {second.what}", second.hint or error.hint
        return replace(error, where=where, what=what, hint=hint)
    runs = "takes part again" if part else "runs again"
    state = "It computed another state than the chain; that was taken back. " if wrong else ""
    return replace(error, where=where, what=f"{error.what}. {state}It was put back to {kept}, and {runs}")


def _start_again(work: Restart, part: Part | None, mark: int, wrong: bool) -> bool:
    """Start what was put back, and return whether a state was taken back: first where it is `wrong`, or when it turns out so."""
    again = [Change(f"restart {work.document.ledger.unit}", "it goes back to what worked")]
    if not wrong:
        try:
            _carry_out(work, again, part)
        except NodeopsError:
            # A program that was gone could not be asked. This one has its state, and stops at the same block.
            if not outvoted(work.document, mark):
                raise
        else:
            return False
    take_back(work.document, work.report)
    _carry_out(work, again, part)
    return True


def part_of(seen: Standing | None) -> Part | None:
    """Return the part of a node as the gate saw it. What the gate counted must come back, whoever answers slowly meanwhile."""
    return Part(seen.height, seen.own in seen.live) if seen and seen.moving else None


def _carry_out(work: Restart, changes: Sequence[Change], part: Part | None) -> None:
    """Restart the ledger, and wait until it takes its part again; where it had none, until it listens."""
    carry_out(changes)
    settle(work.document)
    if part is None:
        await_listening(work.document, work.timeout_seconds)
    else:
        rejoin(work.document, part, work.timeout_seconds, work.report)


def _with_last_words(document: NodeDocument, error: NodeopsError, mark: int) -> NodeopsError:
    """Return the error of a process that left, with the last line in the log since `mark`, its size before the restart."""
    unit = systemd.unit(document.ledger.unit)
    if unit.pid and not unit.restarts:
        return error
    try:
        with Path(document.ledger.paths["log"]).open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(mark if size >= mark else 0, size - _LAST_BYTES))
            lines = log.read().decode(errors="replace").split("\n")
    except OSError:
        return error
    said = next((line for line in reversed(lines) if line.strip()), "")
    return replace(error, what=f"{error.what}; it said: {printable(said)}") if said else error

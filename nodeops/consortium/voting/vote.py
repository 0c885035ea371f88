"""A proposal beside the file at hand, and this organisation's vote on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nodeops.console import working
from nodeops.consortium.orders import Ground, Names, contradictions, orders
from nodeops.consortium.proven import wait_for_block
from nodeops.consortium.review import Case, ahead, findings
from nodeops.consortium.rules import judged
from nodeops.consortium.session import Session, accounts, ground, signing_after
from nodeops.core.errors import InputError, NodeopsError, Refused
from nodeops.core.finding import Finding, Verdict, failures
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.codec import FormError
from nodeops.ledger.cosmos.group import members, proposal, proposals, votes
from nodeops.ledger.cosmos.group_state import OPEN, Policy, Proposal
from nodeops.ledger.cosmos.messages import ScheduleUpgrade, unpack
from nodeops.ledger.cosmos.revision import Mark, mark_of, read_mark

# So far may our node be behind the one through which another organisation proposed.
_BEHIND_BLOCKS = 2
_TOLD = "the proposal is of the revision that was compared"


@dataclass(frozen=True)
class Look:
    """A case, who is meant by its addresses, the revision before the file at hand (None where that is not here).

    `rules` is what is asked of the file at hand before it may be proposed, `heights` of the height of each upgrade, `live` of
    those that sign now.
    """

    case: Case
    names: Names
    old: Consortium | None
    rules: Sequence[Finding] = ()
    heights: Sequence[Finding] = ()
    live: Sequence[Finding] = ()


def chosen(at: Session, number: int | None) -> Proposal:
    """Return the proposal of a number, or the only one that is open, proven: a vote covers a number and nothing else.

    One that was made through another node is waited for. Raise InputError when there is none, or more.
    """
    found = _found(at, number)
    if found is None:
        with working("our node shows no such proposal: waiting for two blocks"):
            wait_for_block(at.driver, at.driver.status().height + _BEHIND_BLOCKS)
        found = _found(at, number)
    if found is None:
        hint = "it was executed, or too old: nodeops consortium log"
        what = "no proposal waits for votes" if number is None else f"the chain keeps no proposal {number}"
        raise InputError(what, where="PROPOSAL", hint=hint)
    return found


def _found(at: Session, number: int | None) -> Proposal | None:
    if number is not None:
        return at.proposal(number)
    waiting = [one.number for one in proposals(at.driver) if one.status == OPEN]
    if len(waiting) > 1:
        allowed = ", ".join(map(str, waiting))
        raise InputError(f"{len(waiting)} proposals wait for votes", where="PROPOSAL", allowed=allowed, hint="name one")
    return at.proposal(waiting[0]) if waiting else None


def look(at: Session, number: int | None, since: Path | None) -> Look:
    """Return a proposal with all that is needed to judge it."""
    found, now = chosen(at, number), at.policy()
    upgrades = _upgrade_heights(found)
    known, names = ground(at, next(iter(upgrades), None))
    group = members(at.driver)
    expected, old, why, rules = None, None, "", list[Finding]()
    try:
        old = at.before(since)
        rules = [before_in_force(old, now), *judged(old, at.working, at.profile), *as_told(old, known)]
        expected = orders(old, at.working, known)
    except NodeopsError as error:
        why = str(error)
    # Organisations of the file come first; the group's own names stand in for those that the file does not know.
    named = {**group, **accounts(*filter(None, (old, at.working)))}
    case = Case(found, now, votes(at.driver, found.number), group, at.working, expected, why)
    heights = [ahead(height, at.driver.status().height) for height in upgrades]
    live = signing_after(at, known, found.messages)
    return Look(case, replace(names, accounts=named), old, rules, heights, live)


def before_in_force(old: Consortium, now: Policy) -> Finding:
    """Return whether the file that the orders are made from is the one in force: another one would ask for other orders."""
    force, own, expected = read_mark(now.text), mark_of(old), "the file before the one at hand is in force"
    if own.names(force):
        return Finding("proposal.before", Verdict.PASS, expected, str(own))
    hint = "get the file in force from another member, put it into revisions/ or name it with --from"
    return Finding("proposal.before", Verdict.FAIL, expected, f"it is {own}; in force is {force or 'no revision'}", hint)


def as_told(old: Consortium, known: Ground) -> Iterator[Finding]:
    """Yield where the chain's power is not what the file in force says."""
    hint = "find out who changed the chain: nodeops consortium log"
    for one in contradictions(old, known):
        yield Finding("proposal.chain", Verdict.FAIL, "the chain is what the file in force says", one, hint)


def _upgrade_heights(found: Proposal) -> list[int]:
    """Return the heights at which a proposal stops all nodes. The file cannot say it, so it is the proposal's to say."""
    heights = []
    for packed in found.messages:
        try:
            order = unpack(packed)
        except FormError:
            continue
        if isinstance(order, ScheduleUpgrade):
            heights.append(order.plan.height)
    return heights


def agreeable(seen: Look, told: str | None) -> list[Finding]:
    """Return the findings on a proposal. `told` is the digest that was compared in another way, when the file is not at hand.

    A file at hand that has this digest is the proposed one, and is judged as without it.
    """
    found = [*findings(seen.case), *seen.heights, *seen.live]
    if told in (None, mark_of(seen.case.working).digest):
        return [*found, *seen.rules]
    mark = seen.case.mark
    good = mark is not None and mark.digest == told
    actual = f"it is {mark}" if mark else "it names no revision"
    own = Finding("proposal.file", Verdict.PASS if good else Verdict.FAIL, _TOLD, actual, "" if good else "reject it")
    return [own if one.id == "proposal.file" else one for one in found if one.id != "proposal.orders"]


def refuse_unless(found: list[Finding], number: int) -> None:
    """Raise Refused with every finding that fails."""
    if failures(found):
        raise Refused("may not be agreed to:\n  " + "\n  ".join(failures(found)), where=f"proposal {number}")


def outcome(at: Session, number: int, mark: Mark | None, height: int) -> str:
    """Return in words what came of a proposal by the block with a vote on it. That it is in force is proven."""
    left = proposal(at.driver, number)
    if left is not None:
        return f"proposal {number} is {left.state}"
    force = read_mark(at.policy(height).text)
    return f"in force: {force}" if force and force.names(mark) else f"proposal {number} is gone"

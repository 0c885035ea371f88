"""`nodeops consortium show|status|log`: what is proposed, what is in force, and how it came to be."""

from typing import Any

import typer

from nodeops.console import JsonFlag, emit
from nodeops.consortium.force import in_force
from nodeops.consortium.history import Told, history
from nodeops.consortium.kept import all_kept, keep
from nodeops.consortium.options import FromOption, InventoryOption, ProposalArgument, ViaOption
from nodeops.consortium.orders import in_words
from nodeops.consortium.outlook import power_table
from nodeops.consortium.review import left_over, vote_lines
from nodeops.consortium.session import Session, accounts, session
from nodeops.consortium.voting.vote import Look, agreeable, look
from nodeops.core.finding import Verdict
from nodeops.core.result import Result, Table
from nodeops.ledger.cosmos.group import members, proposals
from nodeops.ledger.cosmos.group_state import OPEN, Policy
from nodeops.ledger.cosmos.revision import mark_of, read_mark

_LOG = ("proposal", "revision", "proposed by", "at", "votes", "executed at")


def look_result(at: Session, seen: Look) -> Result:
    """Return a proposal for people and machines: what the chain says that it would do, and who has voted."""
    case = seen.case
    lines = [
        f"proposal {case.proposal.number}: {case.proposal.state}; {case.mark or 'it names no revision'}",
        *(f"the policy is told: {line}" for line in in_words(case.proposal.messages, seen.names)),
        *vote_lines(case),
    ]
    tables = [power_table(seen.old, case.working, at.profile)] if seen.old else []
    mark = {"revision": case.mark.revision, "digest": case.mark.digest} if case.mark else {}
    orders = in_words(case.proposal.messages, seen.names)
    data = {"proposal": case.proposal.number, "state": case.proposal.state, **mark, "orders": orders, "votes": case.voted}
    return Result({**data, "missing": case.missing}, tables=tables, lines=lines)


def show(
    context: typer.Context,
    number: ProposalArgument = None,
    inventory: InventoryOption = None,
    since: FromOption = None,
    via: ViaOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a proposal would do, by its messages on the chain. Exits with 1 when the file at hand asks for anything else."""
    with session(context, inventory, via) as at:
        seen = look(at, number, since)
        result = look_result(at, seen)
        emit(Result(result.data, result.tables, result.lines, agreeable(seen, None)), as_json)


def status(context: typer.Context, inventory: InventoryOption = None, via: ViaOption = None, as_json: JsonFlag = False) -> None:
    """Show which revision is in force, and what waits for votes. Keeps the file in force in revisions/."""
    with session(context, inventory, via) as at:
        now, group, known = at.policy(), members(at.driver), proposals(at.driver)
        force = read_mark(now.text)
        waiting = [one for one in known if one.status == OPEN]
        findings = [in_force(force, mark_of(at.working)), *left_over(known)]
        kept = keep(at.folder, at.working) if findings[0].verdict is Verdict.PASS else None
        lines = [f"in force: {force or 'not known'}", _deciding(now, group), *(f"kept as {kept}" for _ in [kept] if kept)]
        lines += [f"proposal {one.number} waits for votes: {read_mark(one.text) or ascii(one.title)}" for one in waiting]
        data: dict[str, Any] = {"revision": force.revision, "digest": force.digest} if force else {}
        data |= {"threshold": now.threshold, "organisations": sorted(group.values()), "waiting": [one.number for one in waiting]}
        emit(Result(data, lines=lines, findings=findings), as_json)


def _deciding(now: Policy, group: dict[str, str]) -> str:
    return f"{now.threshold} of {len(group)} organisations decide: {', '.join(sorted(group.values()))}"


def log(context: typer.Context, inventory: InventoryOption = None, via: ViaOption = None, as_json: JsonFlag = False) -> None:
    """Show every proposal, who voted how and when it was executed, by the signed transactions. Signatures are checked here."""
    with session(context, inventory, via) as at:
        # Whoever voted may have left since, or have another key.
        names = {**members(at.driver), **accounts(*all_kept(at.folder), at.working)}
        told = history(at.driver, names)
        data = {"proposals": [one.as_dict() for one in told]}
        lines = ["" if told else "no proposal yet: the founding revision is in force"]
        emit(
            Result(data, tables=[Table(_LOG, [_row(one) for one in told])] if told else [], lines=list(filter(None, lines))),
            as_json,
        )


def _row(one: Told) -> tuple[str, ...]:
    votes = ", ".join(f"{who} {option} ({height})" for who, (option, height) in sorted(one.votes.items()))
    revision = f"{one.mark.revision} ({one.mark.digest[:16]})" if one.mark else "none"
    return (str(one.number), revision, one.proposer, str(one.height), votes, str(one.executed or "not executed"))

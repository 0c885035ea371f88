"""`nodeops consortium enlist|propose|approve|reject`: what an organisation signs. Its key stays on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from nodeops.console import DryRunFlag, JsonFlag, aside, emit, working
from nodeops.consortium.enlist import creation, fund, operator_address, operator_key
from nodeops.consortium.kept import keep
from nodeops.consortium.live import despite, forced_text
from nodeops.consortium.options import (
    DespiteOption,
    DigestOption,
    ForceOption,
    FromOption,
    InventoryOption,
    KeyOption,
    ProposalArgument,
    ViaOption,
)
from nodeops.consortium.orders import in_words
from nodeops.consortium.outlook import power_table
from nodeops.consortium.propose import draft, gas_for, organisation_of, proposed
from nodeops.consortium.review import Case, refuse_left_over
from nodeops.consortium.session import Session, key_of, session
from nodeops.consortium.view_cli import look_result
from nodeops.consortium.voting.organisation_key import load_organisation_key
from nodeops.consortium.voting.vote import Look, agreeable, look, outcome, refuse_unless
from nodeops.core.errors import InputError, Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result
from nodeops.document.models import Consortium
from nodeops.ledger.answers import MAX_INTEGER
from nodeops.ledger.cosmos.account import Sent, account, send
from nodeops.ledger.cosmos.address import founder_operator
from nodeops.ledger.cosmos.group import proposals, validators
from nodeops.ledger.cosmos.group_state import Proposal
from nodeops.ledger.cosmos.messages import NO, YES, Packed, Vote, pack
from nodeops.ledger.cosmos.revision import mark_of
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.founding.gather import read_folder

HeightOption = Annotated[
    int | None,
    typer.Option(
        "--upgrade-height", min=1, max=MAX_INTEGER, help="For a new version: the height at which every node stops for it."
    ),
]


def _send(at: Session, key: SigningKey, message: Packed, count: int = 1, kept: Sequence[Proposal] = ()) -> Sent:
    with working("waiting for a block"):
        return send(at.driver, at.chain, key, [message], gas=gas_for(count, kept))


def _taken(sent: Sent) -> Sent:
    if sent.code:
        raise Refused(f"the chain refuses it with code {sent.code}: {sent.log}", where=f"transaction {sent.hash}")
    return sent


def propose(
    context: typer.Context,
    key: KeyOption,
    inventory: InventoryOption = None,
    since: FromOption = None,
    via: ViaOption = None,
    upgrade_height: HeightOption = None,
    despite_left_over: DespiteOption = False,
    force: ForceOption = "",
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Propose the working consortium.yml to all organisations, as one proposal. Yours agrees to it by proposing it."""
    signer = load_organisation_key(key)
    with session(context, inventory, via) as at:
        kept = proposals(at.driver)
        refuse_left_over(kept, despite_left_over)
        made = draft(at, since, upgrade_height, force)
        who = organisation_of(signer, made.old)
        lines = [f"the policy is told: {line}" for line in in_words(made.messages, made.names)]
        data: dict[str, Any] = {"organisation": who, "chain": at.chain, **_named(made.new), "orders": lines}
        table = power_table(made.old, made.new, at.profile)
        change = Change("proposal", f"{who} proposes {mark_of(made.new)}")
        if dry_run:
            emit(Result(data, tables=[table], lines=lines, findings=made.findings, changes=[change]), as_json)
            return
        sent = _send(at, signer, made.signed_by(signer), len(made.messages), kept)
        number = proposed(at, sent)
        said = outcome(at, number, mark_of(made.new), sent.height)
        data |= {"proposal": number, "height": sent.height, "transaction": sent.hash, "outcome": said}
        lines += [f"proposal {number}, in block {sent.height}: {said}", *_kept(at, said)]
        emit(Result(data, tables=[table], lines=lines, findings=made.findings, changes=[change]), as_json)


def _named(new: Consortium) -> dict[str, Any]:
    mark = mark_of(new)
    return {"revision": mark.revision, "digest": mark.digest}


def _kept(at: Session, said: str) -> list[str]:
    """Keep the working file once it is in force, and say so."""
    if said != f"in force: {mark_of(at.working)}":
        return []
    file = keep(at.folder, at.working)
    return [f"kept as {file}"] if file else []


def approve(
    context: typer.Context,
    key: KeyOption,
    number: ProposalArgument = None,
    digest: DigestOption = None,
    despite_left_over: DespiteOption = False,
    force: ForceOption = "",
    inventory: InventoryOption = None,
    since: FromOption = None,
    via: ViaOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Agree to a proposal, when it is of the consortium.yml at hand and orders nothing else. The last vote executes it."""
    if digest and number is None:
        hint = "the one that was compared: nodeops consortium status names those that wait"
        raise InputError("--digest is of one proposal: name it", where="PROPOSAL", allowed="its number", hint=hint)
    signer = load_organisation_key(key)
    with session(context, inventory, via) as at:
        seen = look(at, number, since)
        found = despite(agreeable(seen, digest), force)
        kept = proposals(at.driver)
        refuse_left_over(kept, despite_left_over)
        refuse_unless(found, seen.case.proposal.number)
        ballot = Ballot(YES, forced_text(seen.live, force), [one for one in found if one.verdict is not Verdict.PASS])
        _vote(at, signer, seen, ballot, dry_run, as_json, kept)


def reject(
    context: typer.Context,
    key: KeyOption,
    number: ProposalArgument = None,
    inventory: InventoryOption = None,
    via: ViaOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Vote against a proposal. A vote cannot be changed."""
    signer = load_organisation_key(key)
    with session(context, inventory, via) as at:
        _vote(at, signer, look(at, number, None), Ballot(NO), dry_run, as_json)


@dataclass(frozen=True)
class Ballot:
    """A vote that is to be cast, the text that the chain keeps with it, and what its voter should know."""

    option: int
    text: str = ""
    findings: Sequence[Finding] = ()


def _vote(
    at: Session, signer: SigningKey, seen: Look, ballot: Ballot, dry_run: bool, as_json: bool, kept: Sequence[Proposal] = ()
) -> None:
    case = seen.case
    number, who = case.proposal.number, _member(signer, case)
    word = "yes" if ballot.option == YES else "no"
    change = Change(f"proposal {number}", f"{who} votes {word}")
    result = look_result(at, seen)
    if who in case.voted:
        raise Refused(f"{who} has voted already: {case.voted[who]}", where=f"proposal {number}")
    if dry_run:
        emit(Result(result.data, result.tables, result.lines, ballot.findings, [change]), as_json)
        return
    # Before it is signed, and beside the answer: who votes may still stop.
    for line in [*result.lines, *(f"{one.verdict} {one.id}: {one.actual}" for one in ballot.findings)]:
        aside(line)
    vote = pack(Vote(number, signer.address, ballot.option, ballot.text))
    sent = _taken(_send(at, signer, vote, len(case.proposal.messages), kept))
    said = outcome(at, number, case.mark, sent.height)
    data = {
        "proposal": number,
        "organisation": who,
        "vote": word,
        "height": sent.height,
        "transaction": sent.hash,
        "outcome": said,
    }
    lines = [f"{who} votes {word} on proposal {number}, in block {sent.height}: {said}", *_kept(at, said)]
    emit(Result(data, lines=lines, findings=ballot.findings, changes=[change]), as_json)


def _member(signer: SigningKey, case: Case) -> str:
    name = case.members.get(signer.address)
    if name is None:
        allowed = ", ".join(sorted(case.members.values()))
        raise InputError(f"is the key of {signer.address}, which is no member of the group", where="--key", allowed=allowed)
    return str(name)


def enlist(
    context: typer.Context,
    node: Annotated[str, typer.Argument(help="A node of yours whose identity is published, as witness.")],
    key: KeyOption,
    inventory: InventoryOption = None,
    via: ViaOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Put a node's validator key on the chain, without power, so that a revision can make it a validator."""
    signer = load_organisation_key(key)
    with session(context, inventory, via) as at:
        found = read_folder(at.folder).published.get(node)
        if found is None or node not in at.working.nodes:
            raise InputError(f"{node} has published no identity", where="NODE", hint="install it as a witness first: site.yml")
        owner = organisation_of(signer, at.working)
        if owner != at.working.nodes[node].organisation:
            raise InputError(f"{node} belongs to {at.working.nodes[node].organisation}, the key to {owner}", where="--key")
        operator = operator_key(signer, at.chain, found.validator_key.value)
        changes = (
            [] if _is_enlisted(at, operator, found.validator_key.value) else [Change(node, "its validator key is on the chain")]
        )
        if changes and not dry_run:
            _enlist(at, signer, operator, creation(operator, node, found.validator_key.value))
        data = {"node": node, "operator": operator_address(operator), "validator_key": found.validator_key.value}
        lines = [f"{node}: operator {data['operator']}" + ("" if changes else ", on the chain already")]
        emit(Result(data, lines=lines, changes=changes), as_json)


def _enlist(at: Session, signer: SigningKey, operator: SigningKey, message: Packed) -> None:
    if account(at.driver, operator.address) is None:
        _taken(_send(at, signer, fund(signer, operator)))
    _taken(_send(at, operator, message))


def _is_enlisted(at: Session, operator: SigningKey, validator_key: str) -> bool:
    """Tell whether the validator key is on the chain. Raise Refused when another operator has put it there."""
    ours = (operator_address(operator), founder_operator(validator_key))
    for one in validators(at.driver):
        if key_of(one) == validator_key:
            if one.operator not in ours:
                hint = "if no earlier key of yours did, make the node anew under another name: somebody else could shut it out"
                raise Refused(f"operator {one.operator} has put this validator key on the chain", where=at.chain, hint=hint)
            return True
    return False

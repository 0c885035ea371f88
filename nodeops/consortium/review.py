"""What an organisation makes of a proposal: what it would do, whether its own file asks for just that, who voted. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nodeops.consortium.live import FORCED
from nodeops.core.errors import Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.group_state import ACCEPTED, OPEN, Cast, Policy, Proposal
from nodeops.ledger.cosmos.messages import Packed, UpdatePolicyMetadata, pack
from nodeops.ledger.cosmos.revision import Mark, differing_parts, mark_of, read_mark

OPTIONS = {1: "yes", 2: "abstain", 3: "no", 4: "no, with veto"}
_FILE = "the proposal is of the consortium.yml at hand"
_ORDERS = "the policy is told what the revision says, and nothing else"
_NAMED = "the last message, and no other, puts in force what the proposal says that it is of"
_NEXT = "the revision that follows the one in force"
_STATE = "it waits for votes"
_AHEAD = "the height at which all nodes stop is ahead"
# A vote takes a block or two. Nearer than that nobody is ready; once it is over, the orders fail, and the proposal is left over.
_LEAST_AHEAD = 10


@dataclass(frozen=True)
class Case:
    """A proposal beside the file at hand. `expected`: the messages that this file makes, None when they cannot be made: `why`."""

    proposal: Proposal
    policy: Policy
    votes: Sequence[Cast]
    members: Mapping[str, str]
    working: Consortium
    expected: Sequence[Packed] | None
    why: str = ""

    @property
    def mark(self) -> Mark | None:
        """Return the revision that the proposal says it is of."""
        return read_mark(self.proposal.text)

    @property
    def voted(self) -> dict[str, str]:
        """Return who voted how, by the organisation's name, or by the address of who is none."""
        return {self.members.get(one.voter, one.voter): OPTIONS.get(one.option, "unknown") for one in self.votes}

    @property
    def missing(self) -> int:
        """Return how many more must agree."""
        agreed = sum(1 for one in self.votes if one.option == 1 and one.voter in self.members)
        return max(0, min(self.policy.threshold, len(self.members)) - agreed)


def findings(case: Case) -> list[Finding]:
    """Return whether this proposal is what our own file asks for. Findings that fail forbid agreeing to it."""
    return [_open(case.proposal), _named(case), _follows(case), _file(case), _ordered(case)]


def ahead(height: int, newest: int) -> Finding:
    """Return whether the height of an upgrade is far enough above the newest block for anybody to agree to it."""
    actual = f"it is {height}, the newest block is {newest}"
    if height >= newest + _LEAST_AHEAD:
        return Finding("proposal.height", Verdict.PASS, _AHEAD, actual)
    return Finding("proposal.height", Verdict.FAIL, _AHEAD, actual, "propose it again with one that is some hours ahead")


def left_over(proposals: Iterable[Proposal]) -> Iterator[Finding]:
    """Yield proposals that were accepted and could not be executed: anybody may try again, whatever is in force by then."""
    for one in proposals:
        if one.status == ACCEPTED:
            actual = f"proposal {one.number} ({one.title!r}) was accepted and failed; anybody may have it executed later"
            hint = "the chain drops it two weeks after its votes end; propose nothing until then that it would undo"
            yield Finding("proposal.left", Verdict.WARN, "no accepted proposal is left over", actual, hint)


def refuse_left_over(proposals: Iterable[Proposal], despite: bool) -> None:
    """Raise Refused while an accepted proposal could still be executed, unless that was accepted by a word."""
    found = [f"{one.actual}; {one.hint}" for one in left_over(proposals)]
    if found and not despite:
        hint = "wait until it is gone; --despite-left-over when what it does may come on top"
        raise Refused("a proposal is left over:\n  " + "\n  ".join(found), where="the chain", hint=hint)


def _open(proposal: Proposal) -> Finding:
    good = proposal.status == OPEN
    hint = "" if good else "votes do not count any more: propose it again"
    return Finding("proposal.open", Verdict.PASS if good else Verdict.FAIL, _STATE, f"it is {proposal.state}", hint)


def _named(case: Case) -> Finding:
    """Return whether the messages put in force what the text says: the chain does the messages, whatever the text is."""
    if case.mark is None:
        return Finding("proposal.named", Verdict.FAIL, _NAMED, "it names no revision", "reject it")
    text = Mark(case.mark.revision, case.mark.digest).text()
    wanted = pack(UpdatePolicyMetadata(policy_address(), policy_address(), text))
    found, last = [one for one in case.proposal.messages if one.url == wanted.url], case.proposal.messages[-1:]
    if found == [wanted] == list(last):
        return Finding("proposal.named", Verdict.PASS, _NAMED, str(case.mark))
    actual = f"{len(found)} messages put a text in force; the last message is not the one of {case.mark}, or not the only one"
    return Finding("proposal.named", Verdict.FAIL, _NAMED, actual, "reject it, and ask who proposed it")


def _follows(case: Case) -> Finding:
    mark, now = case.mark, read_mark(case.policy.text)
    if mark is None or now is None:
        return Finding("proposal.revision", Verdict.FAIL, _NEXT, "it names no revision, or the chain has none", "reject it")
    actual = f"revision {mark.revision}, in force is {now.revision}"
    if mark.revision == now.revision + 1:
        return Finding("proposal.revision", Verdict.PASS, _NEXT, actual)
    kind = "an old revision again (replayed)" if mark.revision <= now.revision else "not the next"
    return Finding("proposal.revision", Verdict.FAIL, _NEXT, f"{actual}: {kind}", "reject it")


def _file(case: Case) -> Finding:
    mark, own = case.mark, mark_of(case.working)
    if own.names(mark):
        return Finding("proposal.file", Verdict.PASS, _FILE, str(own))
    actual = f"the file at hand is {own}; proposed is {mark or 'no revision'}"
    parts = ", ".join(differing_parts(case.working, mark)) if mark else ""
    hint = "get the proposed file from who proposed it, and read it"
    return Finding("proposal.file", Verdict.FAIL, _FILE, actual + (f"; they differ in: {parts}" if parts else ""), hint)


def _ordered(case: Case) -> Finding:
    if case.expected is None:
        hint = "mend that first: orders that nobody compared could be any"
        return Finding("proposal.orders", Verdict.FAIL, _ORDERS, f"they cannot be made here: {case.why}", hint)
    told, wanted = list(case.proposal.messages), list(case.expected)
    if told == wanted:
        return Finding("proposal.orders", Verdict.PASS, _ORDERS, f"{len(told)} messages, as made here from both files")
    extra, lacking = len(_without(told, wanted)), len(_without(wanted, told))
    actual = f"{extra} messages that the file does not ask for, {lacking} that it asks for are lacking"
    if not extra and not lacking:
        actual = "the right messages in another order"
    return Finding("proposal.orders", Verdict.FAIL, _ORDERS, actual, "reject it, and ask who proposed it")


def _without(some: Sequence[Packed], others: Sequence[Packed]) -> list[Packed]:
    left = list(others)
    return [one for one in some if not _taken(left, one)]


def _taken(left: list[Packed], one: Packed) -> bool:
    if one in left:
        left.remove(one)
        return True
    return False


def vote_lines(case: Case) -> Iterator[str]:
    """Yield who voted, and what is missing."""
    if case.proposal.summary.startswith(FORCED):
        yield f"its proposer says: {case.proposal.summary!a}"
    said = {case.members.get(one.voter, one.voter): f"; {one.text!a}" for one in case.votes if one.text}
    for name, option in sorted(case.voted.items()):
        yield f"{name}: {option}{said.get(name, '')}"
    yield f"{case.missing} more must agree" if case.missing else "enough agree"

"""Whether a revision of the consortium file is in force, from what the chain, its genesis and signatures say. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nodeops.consortium.signatures.signed import Signed
from nodeops.core.finding import Finding, Verdict
from nodeops.ledger.cosmos.revision import Mark

IN_FORCE = "consortium.yml at hand is in force"
_ID = "consortium.in_force"
_GET = "get the file in force from another member"
_ASK = "nodeops consortium propose, and the others approve"
_SIGN = "nodeops consortium sign, by admins of as many organisations as must agree"
_ALONE = (
    "nodeops consortium status --via NODE has that node prove it to this controller, and keeps the file; or wait until the others"
    " have caught up: nodeops fleet status"
)
_SILENT = "run it where a node of yours takes part in the chain, without --limit"


@dataclass(frozen=True)
class Known:
    """What is known besides the file.

    `nodes` is what each node that was asked says to be in force, None where it could not tell. `founding` is the revision
    that the genesis at hand was made from, None where there is no genesis or it does not say; `founded`: there is one. `kept` is
    what this controller keeps under the file's number, because it was in force, `before` under the number before it; `newest` is
    the highest number that it keeps. `heights`: at which block each node says so, where that is proven.

    `votes`: the chain can be asked for votes, and moves. Where it does not, `signed` counts; where none can be asked, `nodes` is
    what each was made last.
    """

    nodes: Mapping[str, Mark | None] = field(default_factory=dict)
    founding: Mark | None = None
    founded: bool = False
    kept: Mark | None = None
    before: Mark | None = None
    newest: int = 0
    heights: Mapping[str, int] = field(default_factory=dict)
    votes: bool = True
    signed: Signed | None = None


def in_force(force: Mark | None, own: Mark) -> Finding:
    """Return whether a revision is the one that the chain names, and what it is else: forked, old, not agreed to yet."""
    if force is None:
        return _no("the chain names no revision", "this chain was founded before revisions stood in it")
    if own.names(force):
        return Finding(_ID, Verdict.PASS, IN_FORCE, str(own))
    actual = f"in force is {force}; at hand is {own}"
    if own.revision == force.revision:
        return _no(f"{actual}: another file of the same revision (forked)", _GET)
    if own.revision < force.revision:
        return _no(f"{actual}: an older one", _GET)
    return _no(f"{actual}: not agreed to yet", _ASK)


def _no(actual: str, hint: str) -> Finding:
    return Finding(_ID, Verdict.FAIL, IN_FORCE, actual, hint)


def judged(own: Mark, known: Known) -> Finding:
    """Return whether hosts may be made what this file says.

    A node may be behind, so the newest revision that any of them names counts; one that a single node names against the others is
    believed only once this controller has kept it. Where none can tell, the chain's genesis speaks for the revision that founded
    it, and against every other of its number, whoever signed that.
    """
    if known.founding and known.founding.revision == own.revision and not own.names(known.founding):
        return _no(f"the chain was founded by {known.founding}; at hand is {own} (forked)", _GET)
    wrong = _stale(own, known) or _contradiction(known)
    if wrong:
        return wrong
    told = {name: mark for name, mark in sorted(known.nodes.items()) if mark}
    if told:
        return _told(told, own, known)
    if own.names(known.founding):
        return Finding(_ID, Verdict.PASS, IN_FORCE, f"{own}: the chain was founded by it, and no node of ours tells of another")
    if _signed(own, known):
        return Finding(_ID, Verdict.PASS, IN_FORCE, f"{own}: {known.signed}")
    if not known.votes:
        return _kept(own, known) or _no(f"{own}: {known.signed or 'the revision before was not kept, so nobody can sign'}", _SIGN)
    if not known.founded:
        return Finding(_ID, Verdict.PASS, IN_FORCE, f"{own}: the chain is not founded yet, its genesis will name it")
    return _kept(own, known) or _no(f"no node of ours can tell whether {own} is in force", _SILENT)


def _told(told: Mapping[str, Mark], own: Mark, known: Known) -> Finding:
    """Return whether a revision is in force by what nodes tell. What one of several says alone changes no host: it may have been
    taken over."""
    newest = max(told.values(), key=lambda mark: mark.revision)
    # A newcomer that is still catching up, or a chain that stands: without new blocks they cannot tell of what came since.
    if not known.votes and newest.revision < own.revision and own.names(known.kept):
        return Finding(
            _ID, Verdict.PASS, IN_FORCE, f"{own}: kept here as in force; no node of ours has new blocks, so far {newest}"
        )
    found = _after(newest, own, known)
    by = [name for name, mark in told.items() if mark.names(newest)]
    held = newest.names(known.founding) or newest.names(known.before) or own.names(known.kept)
    if found.verdict is not Verdict.PASS or held:
        return found
    if len(told) == 1:
        return replace(found, actual=f"{found.actual}, by the word of {by[0]} alone")
    if len(by) > 1:
        return found
    others = ", ".join(f"{name} of {mark}" for name, mark in told.items() if name not in by)
    return _no(f"only {by[0]} tells of {newest}, {others}", _ALONE)


def _stale(own: Mark, known: Known) -> Finding | None:
    if known.newest <= own.revision:
        return None
    hint = f"{_GET}; if none above {own.revision} ever was in force, take it out of revisions/"
    return _no(f"{own}: revisions/ holds revision {known.newest}, so this is an older one", hint)


def _contradiction(known: Known) -> Finding | None:
    """Return that two nodes cannot both be right: no chain names an older revision at a later block, nor two of one number."""
    told = [(name, mark, known.heights[name]) for name, mark in sorted(known.nodes.items()) if mark and name in known.heights]
    for name, mark, height in told:
        for other, its, its_height in told:
            forked = its.revision == mark.revision and not its.names(mark)
            if forked or (its.revision < mark.revision and its_height >= height):
                actual = f"{name} tells of {mark} at height {height}, {other} of {its} at height {its_height}"
                return _no(actual, "one of them is of another chain, or lies: nodeops fleet status")
    return None


def _signed(own: Mark, known: Known) -> bool:
    """Tell whether signatures count for a file and are enough: the step that they are of must begin at what was in force."""
    signed = known.signed
    if signed is None or not signed.enough:
        return False
    if own.revision == 1:
        return not known.founded
    before = (own.revision == 2 and known.founding) or known.before
    return before is not None and before.revision == own.revision - 1 and before.names(signed.after)


def _after(force: Mark, own: Mark, known: Known) -> Finding:
    """Return whether a revision is in force where nodes tell of one; where nobody can vote, the next one may be signed."""
    found, signed = in_force(force, own), known.signed
    if known.votes or found.verdict is Verdict.PASS or own.revision != force.revision + 1:
        return found
    if signed and signed.enough and force.names(signed.after):
        return Finding(_ID, Verdict.PASS, IN_FORCE, f"{own}: {signed}, after {force}")
    return _no(f"{found.actual}; {signed or 'the revision in force was not kept here, so no signature counts'}", _SIGN)


def _kept(own: Mark, known: Known) -> Finding | None:
    if not own.names(known.kept):
        return None
    return Finding(_ID, Verdict.PASS, IN_FORCE, f"{own}: kept here as in force, and no node of ours tells of another")


def waived(found: Finding) -> Finding:
    """Return a finding that fails as one that was waived, for a lab."""
    if found.verdict is not Verdict.FAIL:
        return found
    return Finding(found.id, Verdict.WAIVED, found.expected, found.actual, "nodeops_unagreed is set: no consortium does this")

"""Whether a revision may be proposed at all: what would break the chain, or let one organisation decide, is refused. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from nodeops.consortium.effects import Effect, effects, let_go
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Consortium
from nodeops.document.profile import Profile, Quorum
from nodeops.ledger.founding.genesis import founding_powers, threshold
from nodeops.ledger.quorum import needed

_SAME = "the chain, its platform and the consortium's name stay"
_NEXT = "the revision that follows the one in force"
_MOST_AT_ONCE = "what stays of the validators that vote now is enough for blocks"
_WITNESS = "a validator was a witness first, installed and in step"
_OTHER_KEYS = "at most one node gets another key for peers at a time"
_MOVED = "a node stays with its organisation"
_ALONE = "no organisation can commit blocks alone"
_DECIDE = "more than half of the organisations decide, and not all are needed"
_UPGRADE = "an upgrade is a revision of its own"
_FOLLOW = "a verifier that was away can follow: more than 1/3 of the old power stays"


def judged(old: Consortium, new: Consortium, profile: Profile) -> list[Finding]:
    """Return what is wrong or doubtful in a revision. Findings that fail forbid it."""
    what = effects(old, new)
    return [
        _follows(old, new),
        *_identity(old, new),
        *_moved(old, new),
        *_newcomers(old, new),
        *_other_keys(old, new),
        *_upgrade(what),
        *_quorum(founding_powers(old), founding_powers(new), profile.quorum),
        *_concentration(old, new, profile.quorum),
        *_decision(old, new),
    ]


def _finding(name: str, verdict: Verdict, expected: str, actual: str, hint: str) -> Finding:
    return Finding(f"revision.{name}", verdict, expected, actual, hint)


def _follows(old: Consortium, new: Consortium) -> Finding:
    good = new.revision == old.revision + 1
    actual = f"revision {new.revision} after revision {old.revision}"
    hint = "" if good else f"write revision: {old.revision + 1} into consortium.yml"
    return _finding("number", Verdict.PASS if good else Verdict.FAIL, _NEXT, actual, hint)


def _identity(old: Consortium, new: Consortium) -> Iterator[Finding]:
    pairs = {
        "consortium": (old.consortium, new.consortium),
        "ledger.chain": (old.ledger.chain, new.ledger.chain),
        "ledger.platform": (old.ledger.platform, new.ledger.platform),
        "ledger.genesis_time": (old.ledger.genesis_time, new.ledger.genesis_time),
    }
    for key, (before, after) in pairs.items():
        if before != after:
            yield _finding("chain", Verdict.FAIL, _SAME, f"{key}: {before} -> {after}", "found a new chain for it")


def _moved(old: Consortium, new: Consortium) -> Iterator[Finding]:
    for name, node in sorted(new.nodes.items()):
        before = old.nodes.get(name)
        if before and before.organisation != node.organisation:
            actual = f"{name}: {before.organisation} -> {node.organisation}"
            yield _finding("moved", Verdict.FAIL, _MOVED, actual, "take it out, and one of the other organisation in")


def _newcomers(old: Consortium, new: Consortium) -> Iterator[Finding]:
    for name in founding_powers(new):
        if name not in old.nodes:
            hint = f"let {name} in as a witness by a revision, run site.yml, then make it a validator by the next one"
            yield _finding("newcomer", Verdict.FAIL, _WITNESS, f"{name} is in no revision yet", hint)


def _other_keys(old: Consortium, new: Consortium) -> Iterator[Finding]:
    """Two nodes whose ids both changed dial each other in vain until both know: with all of them, nobody has a peer."""
    changed = let_go(old, new)
    if len(changed) > 1:
        hint = "let one node have another key, run site.yml everywhere, and the next by the next revision"
        yield _finding("peers", Verdict.FAIL, _OTHER_KEYS, ", ".join(sorted(changed)), hint)


def _upgrade(what: list[Effect]) -> Iterator[Finding]:
    if any(one.kind == "upgrade" for one in what) and len(what) > 1:
        others = "; ".join(str(one) for one in what if one.kind != "upgrade")
        yield _finding("upgrade", Verdict.FAIL, _UPGRADE, f"besides: {others}", "every node stops for it: change nothing else")


def _quorum(old: Mapping[str, int], new: Mapping[str, int], rule: Quorum) -> Iterator[Finding]:
    if old == new:
        return
    total = sum(new.values())
    if not total:
        yield _finding("quorum", Verdict.FAIL, _MOST_AT_ONCE, "no validator is left", "leave at least one")
        return
    stays = sum(min(power, new.get(name, 0)) for name, power in old.items())
    least, changed = needed(total, rule), [name for name in {*old, *new} if old.get(name, 0) != new.get(name, 0)]
    actual = f"{stays} of {total} power votes today and stays, {least} needed"
    if stays >= least:
        yield _finding("quorum", Verdict.PASS, _MOST_AT_ONCE, actual, "")
    else:
        # One validator in a chain of one or two cannot come in otherwise.
        smallest = len(changed) == 1 and new.get(changed[0], 0) <= 1
        hint = "the chain stands until the newcomer votes" if smallest else "let fewer in at once, or with less power"
        yield _finding("quorum", Verdict.WARN if smallest else Verdict.FAIL, _MOST_AT_ONCE, actual, hint)
    if 3 * stays <= sum(old.values()):
        yield _finding("overlap", Verdict.WARN, _FOLLOW, f"{stays} of {sum(old.values())} power stays", "take fewer out at once")


def shares(consortium: Consortium) -> Counter[str]:
    """Return the voting power of each organisation."""
    held: Counter[str] = Counter()
    for name, power in founding_powers(consortium).items():
        held[consortium.nodes[name].organisation] += power
    return held


def _concentration(old: Consortium, new: Consortium, rule: Quorum) -> Iterator[Finding]:
    before, after = shares(old), shares(new)
    for name in sorted(after):
        now = f"{name} holds {after[name]} of {after.total()} voting power"
        if _commits_alone(name, after, rule):
            known = _commits_alone(name, before, rule)
            hint = "spread validators over organisations"
            yield _finding("alone", Verdict.WARN if known else Verdict.FAIL, _ALONE, f"{now} and commits blocks alone", hint)
        elif _halts_alone(name, after, rule) and not _halts_alone(name, before, rule):
            expected = "no organisation is needed for every block"
            yield _finding("veto", Verdict.WARN, expected, f"{now}: without it the chain halts", "accept it knowingly")


def _commits_alone(name: str, held: Counter[str], rule: Quorum) -> bool:
    return held.total() > 0 and held[name] >= needed(held.total(), rule)


def _halts_alone(name: str, held: Counter[str], rule: Quorum) -> bool:
    return held.total() > 0 and held.total() - held[name] < needed(held.total(), rule)


def _decision(old: Consortium, new: Consortium) -> Iterator[Finding]:
    count, must = len(new.organisations), threshold(new)
    actual = f"{must} of {count} organisations decide"
    if must == threshold(old) and count == len(old.organisations):
        return
    if must == 1 and count > 1:
        yield _finding("decision", Verdict.FAIL, _DECIDE, actual, "one would change everything alone: raise the threshold")
    elif 2 * must <= count:
        yield _finding("decision", Verdict.WARN, _DECIDE, f"{actual}: two halves can decide against each other", "raise it")
    elif must == count and count > 2:
        yield _finding("decision", Verdict.WARN, _DECIDE, f"{actual}: a lost key blocks every change", "lower the threshold")
    else:
        yield _finding("decision", Verdict.PASS, _DECIDE, actual, "")

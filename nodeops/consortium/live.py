"""What a proposal's orders leave of those that sign now: the files know power, and nothing of who is down. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from nodeops.consortium.orders import Ground
from nodeops.core.finding import Finding, Verdict, failures
from nodeops.document.profile import Quorum
from nodeops.ledger.cosmos.app_state import COINS_PER_POWER
from nodeops.ledger.cosmos.codec import FormError
from nodeops.ledger.cosmos.messages import Coin, Delegate, Packed, Undelegate, unpack
from nodeops.quorum.outlook import Outlook, Voter

FORCED = "forced: "
_ID = "revision.live"
_EXPECTED = "those that sign now commit blocks also once it is in force"
_HINT = (
    "bring back those that are silent first, or take them out: nodeops quorum status on a node says who signs."
    " --force REASON goes past this; the chain keeps the reason"
)
_GROWS = "the chain stands until the newcomer votes"
_UNTOLD = "nodeops fleet status says why; --force REASON goes past this; the chain keeps the reason"

# Validators by their operators, which are what orders name.
Seats = Mapping[str, Voter]


def shifts(orders: Sequence[Packed]) -> dict[str, int]:
    """Return by how much orders change the power of each operator's validator."""
    found: Counter[str] = Counter()
    for packed in orders:
        order = _read(packed)
        if isinstance(order, Delegate):
            found[order.validator] += _power(order.amount)
        elif isinstance(order, Undelegate):
            found[order.validator] -= _power(order.amount)
    return {operator: more for operator, more in found.items() if more}


def _read(packed: Packed) -> object:
    try:
        return unpack(packed)
    except FormError:
        return None


def _power(amount: Coin) -> int:
    return int(amount.amount) // COINS_PER_POWER if amount.amount.isdecimal() else 0


def judged(known: Ground, signers: Collection[str], orders: Sequence[Packed], rule: Quorum) -> list[Finding]:
    """Return whether those that sign now are enough for blocks once orders were executed; nothing when no power changes.

    `signers` are the addresses of validators that signed lately. One that had no power counts as silent: it never voted.
    """
    moved = shifts(orders)
    if not moved:
        return []
    before = _seats(known, signers, moved)
    after = {operator: replace(one, power=max(0, one.power + moved.get(operator, 0))) for operator, one in before.items()}
    now, then = _outlook(before, rule), _outlook(after, rule)
    silent = ", ".join(one.shown for one in then.voters if one.power and not one.signs)
    actual = f"{now.counted()}; {_change(before, after)}: {then.counted()}" + (f"; silent: {silent}" if silent else "")
    if then.margin >= 0:
        return [Finding(_ID, Verdict.PASS, _EXPECTED, actual)]
    if now.live == now.total and _one_comes(before, after):
        return [Finding(_ID, Verdict.WARN, _EXPECTED, actual, _GROWS)]
    return [Finding(_ID, Verdict.FAIL, _EXPECTED, actual, _HINT)]


def _seats(known: Ground, signers: Collection[str], moved: Collection[str]) -> Seats:
    found = {
        one.operator: Voter(name, "", one.address, one.power, one.address in signers)
        for name, one in known.validators.items()
        if not one.jailed
    }
    return {operator: Voter(f"operator {operator}", "", "", 0, signs=False) for operator in moved} | found


def _outlook(seats: Seats, rule: Quorum) -> Outlook:
    return Outlook(0, moving=True, voters=sorted(seats.values(), key=lambda one: one.name), rule=rule)


def _one_comes(before: Seats, after: Seats) -> bool:
    """Tell whether nothing changes but one newcomer with the least power: a chain of one or two grows in no other way."""
    changed = [after[operator].power for operator in before if after[operator].power != before[operator].power]
    return changed == [1]


def _change(before: Seats, after: Seats) -> str:
    pairs = sorted(((one, after[operator].power) for operator, one in before.items()), key=lambda pair: pair[0].name)
    gone = [one.shown for one, power in pairs if one.power and not power]
    given = [f"with {one.shown} at power {power}" for one, power in pairs if power and power != one.power]
    return ", ".join([*([f"without {' and '.join(gone)}"] if gone else []), *given])


def untold(why: str) -> Finding:
    """Return that nobody can tell who signs."""
    return Finding(_ID, Verdict.FAIL, _EXPECTED, f"nobody can tell who signs: {why}", _UNTOLD)


def despite(found: Sequence[Finding], reason: str) -> list[Finding]:
    """Return findings of which the one about who signs, where it fails, is a warning that names the reason."""
    return list(_despite(found, reason)) if reason else list(found)


def _despite(found: Sequence[Finding], reason: str) -> Iterator[Finding]:
    for one in found:
        fails = one.id == _ID and one.verdict is Verdict.FAIL
        yield replace(one, verdict=Verdict.WARN, actual=f"{one.actual}; {FORCED}{reason}", hint="") if fails else one


def forced_text(live: Sequence[Finding], reason: str) -> str:
    """Return the reason as the chain keeps it, nothing where none was needed."""
    return f"{FORCED}{reason}" if reason and failures(live) else ""

"""Which backups may go, and what must be so before any goes. Pure.

A node has what opens its own backups, so whoever has the node writes what they like: times, sizes, any number of new ones.
What they cannot choose is when something arrives at the repository. So only arrival counts, and of a day or a month the backup
that arrived first is kept: what comes later, however much and whatever it claims, pushes nothing out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from nodeops.backup.policy import MARK, STATE, Snapshot
from nodeops.core.finding import Finding, Verdict

# The clock of a node may be ahead by that much, and a backup may take that long from its time to its arrival.
_AHEAD, _ON_THE_WAY = timedelta(minutes=5), timedelta(hours=2)
# A node that brought nothing for so long is lost, or the clock here is wrong: what it has is not made less.
_SILENT = timedelta(days=7)
# The newest may be that much smaller than those before it.
_COLLAPSE = 2
SIZES = 6


@dataclass(frozen=True)
class Kept:
    """How long all backups stay, and then one of each day; one of each month stays for ever. In days."""

    all_days: int = 30
    daily_days: int = 365


@dataclass(frozen=True)
class Arrived:
    """A snapshot by its full id, and when its file came to the repository, by the repository's own clock."""

    id: str
    at: datetime
    snapshot: Snapshot


@dataclass(frozen=True)
class Whole:
    """A backup that a mark names. It arrived with the mark: one that is marked late comes late."""

    id: str
    claimed: datetime
    at: datetime
    marks: Sequence[str]


def whole(found: Sequence[Arrived]) -> list[Whole]:
    """Return the whole backups of the small state, by arrival."""
    marks: dict[str, list[Arrived]] = {}
    for one in found:
        if one.snapshot.tags.get("class") == MARK:
            marks.setdefault(one.snapshot.tags.get("of", ""), []).append(one)
    state = [one for one in found if one.snapshot.tags.get("class") == STATE and one.snapshot.id in marks]
    made = [
        Whole(one.id, one.snapshot.time, max(one.at, min(mark.at for mark in named)), [mark.id for mark in named])
        for one in state
        for named in [marks[one.snapshot.id]]
    ]
    return sorted(made, key=lambda one: (one.at, one.id))


def to_forget(found: Sequence[Arrived], now: datetime, kept: Kept) -> list[str]:
    """Return the ids that may go, with their marks: backups by age, and what was never finished. Archives of keys stay."""
    backups = whole(found)
    staying = {one.id for one in _staying(backups, now, kept)}
    # Two ids may be made to begin alike, and then share a mark.
    needed = {name for one in backups if one.id in staying for name in one.marks}
    going = [name for one in backups if one.id not in staying for name in (one.id, *one.marks) if name not in needed]
    known = {one.id for one in backups}
    torn = [
        one.id
        for one in found
        if one.snapshot.tags.get("class") == STATE and one.id not in known and now - one.at > timedelta(days=kept.all_days)
    ]
    return list(dict.fromkeys(going + torn))


def _staying(backups: Sequence[Whole], now: datetime, kept: Kept) -> Iterator[Whole]:
    seen: set[str] = set()
    for one in backups:
        age = now - one.at
        period = f"{one.at:%Y-%m-%d}" if age <= timedelta(days=kept.daily_days) else f"{one.at:%Y-%m}"
        if age <= timedelta(days=kept.all_days) or period not in seen:
            yield one
        seen |= {f"{one.at:%Y-%m-%d}", f"{one.at:%Y-%m}"}
    if backups:
        yield backups[-1]


def sampled(backups: Sequence[Whole]) -> list[str]:
    """Return the ids whose sizes are compared: the newest, then some spread over those before it."""
    before = list(backups[:-1])
    step = max(1, len(before) // (SIZES - 1))
    return [backups[-1].id, *(one.id for one in before[::step][: SIZES - 1])] if backups else []


def judge(backups: Sequence[Whole], sizes: Mapping[str, int], now: datetime, damage: str) -> Iterator[Finding]:
    """Yield what must be so before anything goes. `sizes` are bytes of those that were sampled."""
    yield _times(backups)
    yield _alive(backups, now)
    yield _sizes(sizes, backups[-1].id if backups else "")
    good = Verdict.FAIL if damage else Verdict.PASS
    actual = damage or "every byte read back is what was written"
    yield Finding("forget.integrity", good, "no damage", actual, "nothing is removed from it: keep it, begin another one")


def _times(backups: Sequence[Whole]) -> Finding:
    expected = "each backup says a time at which it can have been on its way here"
    wrong = [one for one in backups if not one.at - _ON_THE_WAY <= one.claimed <= one.at + _AHEAD]
    shown = ", ".join(f"{one.id[:8]} says {one.claimed:%Y-%m-%d %H:%M}, came {one.at:%Y-%m-%d %H:%M}" for one in wrong[:3])
    hint = "find out whose clock was wrong, or who made them; a repository that was copied has lost its times of arrival"
    return _finding("forget.times", not wrong, expected, f"{len(wrong)} do not: {shown}" if wrong else f"{len(backups)} do", hint)


def _alive(backups: Sequence[Whole], now: datetime) -> Finding:
    expected = f"the newest came within the last {_SILENT.days} days"
    if not backups:
        return _finding("forget.newest", False, expected, "there is none", "nodeops backup run on the node")
    age = now - backups[-1].at
    actual = f"it came {backups[-1].at:%Y-%m-%d %H:%M} UTC; it is {now:%Y-%m-%d %H:%M} here"
    return _finding("forget.newest", -_AHEAD <= age <= _SILENT, expected, actual, "see the node, and the clock of this host")


def _sizes(sizes: Mapping[str, int], newest: str) -> Finding:
    expected = f"the newest is not smaller than those before it by a factor of {_COLLAPSE}"
    others = [size for name, size in sizes.items() if name != newest]
    if not others:
        return _finding("forget.sizes", True, expected, "there are none to compare", "")
    usual = median(others)
    actual = f"{sizes[newest]} bytes, before it {usual:.0f}"
    return _finding("forget.sizes", sizes[newest] * _COLLAPSE >= usual, expected, actual, "see what the node backs up now")


def _finding(name: str, holds: bool, expected: str, actual: str, hint: str) -> Finding:
    return Finding(name, Verdict.PASS if holds else Verdict.FAIL, expected, actual, "" if holds else hint)

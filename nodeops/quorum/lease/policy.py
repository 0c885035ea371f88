"""Who holds which lease: a function of the ledger's order and of who belongs, the same for whoever computes it. Pure.

The chain can lose some voting power; leases share it out. The first entry in the ledger's order gets it. So that no organisation
keeps the others from their work for ever, each has bounds: a share of the power, a longest time for one lease and for all of them
in a row, and so many hours of leases in any day. Entries that break a rule count for nothing, whoever wrote them.

Each entry names the terms that its writer knew. Only entries of a reader's own terms get a place in its book, so no revision
makes a holder of one who was refused. What was written under others is kept apart, within the same bounds: its power is left to
it. While it may hold in its writer's book, no lease in this one gives a right: two who read two books never go at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nodeops.quorum.lease.bounds import (
    DAILY_SECONDS,
    DAY_SECONDS,
    LONGEST_SECONDS,
    REST_SECONDS,
    SHORTEST_SECONDS,
    STRETCH_SECONDS,
)
from nodeops.quorum.lease.entries import Acquire, Release, Renew, Step, step_of
from nodeops.quorum.lease.terms import Terms
from nodeops.records.statements import Stated

OTHER_TERMS = "was written under other terms: another revision of the consortium file, or other keys for records"


@dataclass(frozen=True)
class Lease:
    """A lease as it was granted: on which node, for whom, why, and from when until when in block time (Unix seconds).

    `author` is the node or application whose key asked for it, `height` and `place` say where that stands, `terms` name those it
    was written under. `until` is when it was released, once it was.
    """

    node: str
    organisation: str
    author: str
    reason: str
    since: int
    until: int
    height: int
    place: int
    power: int
    terms: str

    def live(self, now: int) -> bool:
        """Tell whether it holds at a block's time."""
        return now < self.until


class Book:
    """All leases, as entries come in the ledger's order. `leases` and `doubts` are what was in it once, to go on from there.

    `doubts` says until when what an organisation wrote under other terms may hold in another book.
    """

    def __init__(self, terms: Terms, leases: Iterable[Lease] = (), doubts: Mapping[str, int] | None = None) -> None:
        self.terms, self.doubts = terms, dict(doubts or {})
        self._leases: list[Lease] = list(leases)

    @property
    def kept(self) -> list[Lease]:
        """Return what a later book must begin with."""
        return self._leases

    def live(self, now: int) -> Sequence[Lease]:
        """Return the leases that hold at a block's time, first in the ledger's order first."""
        return self._alike(self.terms.name, now)

    def elsewhere(self, now: int) -> Sequence[Lease]:
        """Return what was granted under other terms and has not ended: power that is left to it, and no right."""
        return [one for one in self._leases if one.live(now) and one.terms != self.terms.name]

    def doubted(self, now: int) -> str:
        """Return who may have a lease in another book, in words; "" for nobody."""
        names = sorted(name for name, until in self.doubts.items() if now < until)
        return f"{', '.join(names)} asked for leases under other terms" if names else ""

    def reserved(self, now: int) -> Sequence[Lease]:
        """Return all leases to which power is left, one for a node, first in the ledger's order first."""
        found = {one.node: one for one in (*self.elsewhere(now), *self.live(now))}
        return sorted(found.values(), key=lambda one: (one.height, one.place))

    def of(self, node: str, now: int) -> Lease | None:
        """Return the lease that holds on a node."""
        return next((one for one in self.live(now) if one.node == node), None)

    def used(self, organisation: str, now: int) -> int:
        """Return how many seconds of leases an organisation had in the day before, and has promised to it after."""
        begin = now - DAY_SECONDS
        own = [one for one in self._leases if one.organisation == organisation]
        # The least counts also of one that is released at once: so a day has a bounded number of them.
        ends = [(one.since, max(one.until, one.since + SHORTEST_SECONDS)) for one in own]
        return sum(end - max(since, begin) for since, end in ends if end > begin)

    def add(self, entry: Stated) -> str:
        """Take one entry. Return "" when it counts, else why it counts for nothing."""
        step = step_of(entry.body)
        if step is None:
            return "says nothing about leases"
        why = self.objection(step, entry.author.organisation, entry.time)
        if not why:
            self._enter(step, entry)
        return why if step.terms == self.terms.name else self._doubt(step, entry)

    def objection(self, step: Step, organisation: str, now: int) -> str:
        """Return why what an organisation writes at a block's time would count for nothing, "" when it would count."""
        owner = self.terms.owners.get(step.node)
        if owner is None:
            return f"{step.node} is no node of the consortium"
        if owner != organisation:
            return f"{step.node} is {owner}'s, not {organisation}'s"
        held = next((one for one in self._meant(step, now) if one.node == step.node), None)
        if isinstance(step, Acquire):
            return f"{step.node} is under a lease already" if held else self._no_place(step, organisation, now)
        if held is None:
            return f"{step.node} is under no lease"
        return self._too_long(step, held, now) if isinstance(step, Renew) else ""

    def _alike(self, terms: str, now: int) -> list[Lease]:
        """Return the leases that hold: those under these terms where they are the book's own, else those of all others."""
        own = self.terms.name
        return [one for one in self._leases if one.live(now) and (one.terms == own) == (terms == own)]

    def _doubt(self, step: Step, entry: Stated) -> str:
        """Note that a step may count in another book, whatever it is here, and return that."""
        if not isinstance(step, Release):
            name = entry.author.organisation
            self.doubts[name] = max(self.doubts.get(name, 0), entry.time + step.seconds)
        return OTHER_TERMS

    def _meant(self, step: Step, now: int) -> list[Lease]:
        """Return the leases that a step may be about. What is released is released, under whatever terms."""
        return [one for one in self._leases if one.live(now)] if isinstance(step, Release) else self._alike(step.terms, now)

    def _no_place(self, step: Acquire, organisation: str, now: int) -> str:
        power, spare = self.terms.powers[step.node], self.terms.spare
        live = [one for one in self._alike(step.terms, now) if one.power]
        taken = sum(one.power for one in live)
        own = sum(one.power for one in live if one.organisation == organisation)
        if power and taken + power > spare:
            under = (
                f"{taken} of it is under leases ({', '.join(one.node for one in live)})" if live else "none of it is under leases"
            )
            return f"the chain can lose {spare} voting power, {under}, {power} is {step.node}'s"
        if power and own and own + power > self.terms.share:
            return f"{organisation} has {own} voting power under leases already, beside which its share is {self.terms.share}"
        return self._too_much(step, organisation, step.seconds, now)

    def _too_long(self, step: Renew, held: Lease, now: int) -> str:
        if now + step.seconds > held.since + LONGEST_SECONDS:
            left = max(0, held.since + LONGEST_SECONDS - now)
            return f"a lease ends {LONGEST_SECONDS // 3600} h after it was acquired: {left} s are left of that"
        more = now + step.seconds - held.until
        return self._too_much(step, held.organisation, more, now) if more > 0 else ""

    def _too_much(self, step: Acquire | Renew, organisation: str, more: int, now: int) -> str:
        used, since = self.used(organisation, now), self._stretch(organisation, now)
        if self.terms.powers[step.node] and now + step.seconds > since + STRETCH_SECONDS:
            left, rest = max(0, since + STRETCH_SECONDS - now), REST_SECONDS // 60
            text = f"{organisation} has leases for {STRETCH_SECONDS // 3600} h at a stretch, of which {left} s are left"
            return f"{text}; then others go first: none for {rest} minutes begins a new one"
        if used + more > DAILY_SECONDS:
            return f"{organisation} has {used} s of leases in this day of {DAILY_SECONDS} s, {more} s more are too many"
        return ""

    def _stretch(self, organisation: str, now: int) -> int:
        """Return since when an organisation has had leases on voting power without a rest in between; now where it had a rest."""
        own = [one for one in self._leases if one.organisation == organisation and one.power]
        since = now
        for one in sorted(own, key=lambda one: one.until, reverse=True):
            if one.until <= since - REST_SECONDS:
                break
            since = min(since, one.since)
        return since

    def _enter(self, step: Step, entry: Stated) -> None:
        now = entry.time
        if isinstance(step, Acquire):
            self._forget(now)
            self._leases.append(self._granted(step, entry))
            return
        until = now if isinstance(step, Release) else now + step.seconds
        meant = {id(one) for one in self._meant(step, now) if one.node == step.node}
        self._leases = [replace(one, until=until) if id(one) in meant else one for one in self._leases]

    def _granted(self, step: Acquire, entry: Stated) -> Lease:
        return Lease(
            node=step.node,
            organisation=entry.author.organisation,
            author=entry.author.name,
            reason=step.reason,
            since=entry.time,
            until=entry.time + step.seconds,
            height=entry.height,
            place=entry.place,
            power=self.terms.powers[step.node],
            terms=step.terms,
        )

    def _forget(self, now: int) -> None:
        """Drop what no rule asks for any more, so that a book of years is as quick as one of a day."""
        self._leases = [one for one in self._leases if one.until > now - DAY_SECONDS - SHORTEST_SECONDS]


@dataclass(frozen=True)
class Reading:
    """The book up to a block: its height, its time in Unix seconds, and why each of the newest entries counts for nothing,
    by the hash of its transaction ("" where it counts). `unsure` says why others may read another book, "" for no reason: then a
    lease gives this host no right."""

    book: Book
    height: int
    now: int
    judged: Mapping[str, str]
    unsure: str = ""


def reading(entries: Iterable[Stated], terms: Terms, height: int, now: int) -> Reading:
    """Return who holds what at a block. `entries` are all in the ledger's order, up to that block."""
    book = Book(terms)
    judged = {one.hash: book.add(one) for one in entries}
    return Reading(book, height, now, judged)


def each_alone(before: Book, entries: Iterable[Stated]) -> Book:
    """Return a book of what each organisation may hold, as if it were alone: where entries may be missing, nobody can tell who
    was first, and what one says must not hide what another has. `before` is what was known up to there."""
    found: dict[str, Book] = {}
    for one in before.kept:
        found.setdefault(one.organisation, Book(before.terms)).kept.append(one)
    for entry in entries:
        found.setdefault(entry.author.organisation, Book(before.terms)).add(entry)
    leases = sorted((one for book in found.values() for one in book.kept), key=lambda one: (one.height, one.place))
    doubts = dict(before.doubts)
    for name, book in found.items():
        doubts[name] = max(doubts.get(name, 0), book.doubts.get(name, 0))
    return Book(before.terms, leases, doubts)

"""Who holds which lease: a function of the ledger's order and of who belongs, the same for whoever computes it. Pure.

The chain can lose some voting power; leases share it out. The first entry in the ledger's order gets it. So that no organisation
keeps the others from their work for ever, each has bounds: a share of the power, a longest time for one lease, and so many hours
of leases in any day. Entries that break a rule count for nothing, whoever wrote them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nodeops.document.models import Member
from nodeops.document.profile import Quorum
from nodeops.ledger.quorum import margin
from nodeops.quorum.lease.bounds import DAILY_SECONDS, DAY_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS
from nodeops.quorum.lease.entries import Acquire, Release, Renew, Step, step_of
from nodeops.records.statements import Stated


@dataclass(frozen=True)
class Terms:
    """What leases are judged by: the nodes that belong, their organisations and voting powers, and how much power may go."""

    owners: Mapping[str, str]
    powers: Mapping[str, int]
    spare: int

    @property
    def share(self) -> int:
        """Return how much power one organisation may have under leases beside another of its own: half, so that some is left."""
        return self.spare // 2


def terms_of(members: Iterable[Member], rule: Quorum) -> Terms:
    """Return the terms among these members."""
    found = list(members)
    total = sum(one.power for one in found)
    owners = {one.name: one.organisation for one in found}
    return Terms(owners, {one.name: one.power for one in found}, max(0, margin(total, total, rule)) if total else 0)


@dataclass(frozen=True)
class Lease:
    """A lease as it was granted: on which node, for whom, why, and from when until when in block time (Unix seconds).

    `author` is the node or application whose key asked for it, `height` and `place` say where that stands. `until` is when it was
    released, once it was.
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

    def live(self, now: int) -> bool:
        """Tell whether it holds at a block's time."""
        return now < self.until


class Book:
    """All leases, as entries come in the ledger's order."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._leases: list[Lease] = []

    def live(self, now: int) -> Sequence[Lease]:
        """Return the leases that hold at a block's time, first in the ledger's order first."""
        return [one for one in self._leases if one.live(now)]

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
        return self.objection(step, entry.author.organisation, entry.time) or self._enter(step, entry)

    def objection(self, step: Step, organisation: str, now: int) -> str:
        """Return why what an organisation writes at a block's time would count for nothing, "" when it would count."""
        owner = self.terms.owners.get(step.node)
        if owner is None:
            return f"{step.node} is no node of the consortium"
        if owner != organisation:
            return f"{step.node} is {owner}'s, not {organisation}'s"
        held = self.of(step.node, now)
        if isinstance(step, Acquire):
            return f"{step.node} is under a lease already" if held else self._no_place(step, organisation, now)
        if held is None:
            return f"{step.node} is under no lease"
        return self._too_long(step, held, now) if isinstance(step, Renew) else ""

    def _no_place(self, step: Acquire, organisation: str, now: int) -> str:
        power, spare, live = self.terms.powers[step.node], self.terms.spare, [one for one in self.live(now) if one.power]
        taken = sum(one.power for one in live)
        own = sum(one.power for one in live if one.organisation == organisation)
        if power and taken + power > spare:
            under = (
                f"{taken} of it is under leases ({', '.join(one.node for one in live)})" if live else "none of it is under leases"
            )
            return f"the chain can lose {spare} voting power, {under}, {power} is {step.node}'s"
        if power and own and own + power > self.terms.share:
            return f"{organisation} has {own} voting power under leases already, beside which its share is {self.terms.share}"
        return self._too_much(organisation, step.seconds, now)

    def _too_long(self, step: Renew, held: Lease, now: int) -> str:
        if now + step.seconds > held.since + LONGEST_SECONDS:
            left = max(0, held.since + LONGEST_SECONDS - now)
            return f"a lease ends {LONGEST_SECONDS // 3600} h after it was acquired: {left} s are left of that"
        more = now + step.seconds - held.until
        return self._too_much(held.organisation, more, now) if more > 0 else ""

    def _too_much(self, organisation: str, seconds: int, now: int) -> str:
        used = self.used(organisation, now)
        if used + seconds <= DAILY_SECONDS:
            return ""
        return f"{organisation} has {used} s of leases in this day of {DAILY_SECONDS} s, {seconds} s more are too many"

    def _enter(self, step: Step, entry: Stated) -> str:
        now = entry.time
        if isinstance(step, Acquire):
            self._forget(now)
            self._leases.append(self._granted(step, entry))
            return ""
        until = now if isinstance(step, Release) else now + step.seconds
        same = [replace(one, until=until) if one.node == step.node and one.live(now) else one for one in self._leases]
        self._leases = same
        return ""

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
        )

    def _forget(self, now: int) -> None:
        """Drop what no rule asks for any more, so that a book of years is as quick as one of a day."""
        self._leases = [one for one in self._leases if one.until > now - DAY_SECONDS - SHORTEST_SECONDS]


@dataclass(frozen=True)
class Reading:
    """The book up to a block: its height, its time in Unix seconds, and why each of the newest entries counts for nothing,
    by the hash of its transaction ("" where it counts)."""

    book: Book
    height: int
    now: int
    judged: Mapping[str, str]


def reading(entries: Iterable[Stated], terms: Terms, height: int, now: int) -> Reading:
    """Return who holds what at a block. `entries` are all in the ledger's order, up to that block."""
    book = Book(terms)
    judged = {one.hash: book.add(one) for one in entries}
    return Reading(book, height, now, judged)

"""By whose blocks is judged: those of this host's own node, or newer ones that another organisation's node proves. Pure.

Nobody is believed. A node proves its newest block by the genesis of this host, and with it the votes that the chain recorded
below it: the newest proven block decides, whoever shows it. So a node that lies or lags can only keep back what is new.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Member
from nodeops.ledger.cometbft.recorded import Recorded
from nodeops.quorum.policy import Standing

# Nodes commit a block at different moments of a round, and are not asked in the same instant: so many more are no lag.
_AHEAD_BLOCKS, _AHEAD_SECONDS = 3, 3.0
_UNASKED = "the file names no node of another organisation that answers members"
_ASK_HINT = "answers_members: true on nodes of two organisations: docs/quorum.md"
_SILENT_HINT = "see why they do not answer this host: nodeops firewall explain and nodeops status there"
_LIE_HINT = "this node lags, or it lies: nodeops status"


@dataclass(frozen=True)
class Told:
    """What a node says is its newest height, None where it does not answer, and what it proves of it: None, and why not."""

    name: str
    organisation: str
    claimed: int | None = None
    proven: Recorded | None = None
    why: str = ""

    @property
    def height(self) -> int:
        """Return the newest height that it proves, 0 without one."""
        return self.proven.height if self.proven else 0

    @property
    def shown(self) -> str:
        """Return what it is called for people."""
        return f"{self.name} ({self.organisation})"


@dataclass(frozen=True)
class Pace:
    """What is old, and what is newer, on a chain: the time now, after how many seconds it counts as halted, seconds a block."""

    now: float
    stale_seconds: float
    block_seconds: float

    @property
    def ahead(self) -> int:
        """Return how many blocks more than another's are no lag."""
        return _AHEAD_BLOCKS + ceil(_AHEAD_SECONDS / self.block_seconds)

    def fresh(self, block: Recorded) -> bool:
        """Tell whether a block is young by this host's clock, which may be wrong in either direction."""
        return abs(self.now - block.time.timestamp()) <= self.stale_seconds


@dataclass(frozen=True)
class Compared:
    """What is judged by, what this host's own node shows, whom else was asked, and what is odd, as findings.

    `lags`: this host's own node does not prove what is judged by, so what it shows of leases may be old.
    """

    seen: Standing
    own: Standing
    asked: Sequence[Told] = ()
    findings: Sequence[Finding] = ()
    lags: bool = False

    def said(self) -> str:
        """Return in words what is odd, "" where nothing is."""
        return "; ".join(one.actual for one in self.findings if one.verdict is Verdict.WARN)


def to_ask(members: Iterable[Member], own: Member, most: int) -> list[Member]:
    """Return at most so many members of other organisations that answer this host, one of each organisation first."""
    places: Counter[str] = Counter()
    found: list[tuple[int, Member]] = []
    for one in members:
        if one.answers_members and one.organisation != own.organisation:
            found.append((places[one.organisation], one))
            places[one.organisation] += 1
    return [one for _, one in sorted(found, key=lambda pair: pair[0])][:most]


def compared(shown: Standing, own: Told, others: Sequence[Told], pace: Pace, *, alone: bool = False) -> Compared:
    """Return what is judged by: the newest block that anybody proves, this node's own where others prove none that is newer.

    `shown` is what this host's own node says without proof: it decides only where nobody proves anything. `alone`: the file has
    no other organisation, so there is nobody to ask.
    """
    newest = max((own, *others), key=lambda one: one.height)
    seen = _by(shown, newest, own, pace)
    lags = newest is not own and (own.proven is None or newest.height > own.height + pace.ahead)
    odd = [*_own(shown, own, newest, lags), *_clock(seen, newest, pace), *_claims(others, seen.height, pace.ahead)]
    odd += [] if alone else [_others(own, others)]
    return Compared(seen, shown, others, odd, lags)


def _by(shown: Standing, newest: Told, own: Told, pace: Pace) -> Standing:
    proven = newest.proven
    if proven is None:
        return shown
    # Where this host's clock is wrong every block is old: that blocks came while it watched is its own node's word.
    moving = pace.fresh(proven) or (shown.moving and proven.height <= shown.height + pace.ahead)
    missing = shown.own not in proven.voted and proven.height > shown.height + 1
    behind = not moving and (shown.behind if newest is own else missing)
    return replace(shown, height=proven.height, moving=moving, powers=proven.powers, live=proven.voted, behind=behind)


def _own(shown: Standing, own: Told, newest: Told, lags: bool) -> Iterator[Finding]:
    if own.proven is None:
        what = f" of what it shows at height {shown.height}" if shown.height else ""
        text = f"this node proves nothing{what}: {own.why}"
        text += f"; judged by what {newest.shown} proves at height {newest.height}" if newest.proven else ""
        yield Finding("quorum.own", Verdict.WARN, "this node proves what it shows", text, "docs/trust.md; nodeops status")
    elif lags:
        text = f"this node shows height {own.height}, {newest.shown} proves {newest.height}: judged by that"
        yield Finding("quorum.lags", Verdict.WARN, "nobody proves newer blocks than this node", text, _LIE_HINT)


def _clock(seen: Standing, newest: Told, pace: Pace) -> Iterator[Finding]:
    if newest.proven and seen.moving and not pace.fresh(newest.proven):
        off = pace.now - newest.proven.time.timestamp()
        text = f"blocks come, and by this host's clock the newest is {abs(off):.0f} s {'old' if off > 0 else 'ahead'}"
        yield Finding("quorum.clock", Verdict.WARN, "this host's clock is that of the chain", text, "set it: timedatectl")


def _claims(others: Sequence[Told], height: int, ahead: int) -> Iterator[Finding]:
    """Warn of who says that there are newer blocks than anybody proves. It changes nothing."""
    for one in others:
        if (one.claimed or 0) > height + ahead:
            what = f"proves height {one.height}" if one.proven else f"proves nothing: {one.why}"
            text = f"{one.shown} claims height {one.claimed} and {what}"
            yield Finding("quorum.claims", Verdict.WARN, "who claims newer blocks proves them", text, "call that organisation")


def _others(own: Told, others: Sequence[Told]) -> Finding:
    expected = "a node of another organisation proves its blocks too"
    proven = [f"{one.shown} proves height {one.height}" for one in others if one.proven]
    if proven:
        return Finding("quorum.others", Verdict.PASS, expected, ", ".join(proven))
    why = "; ".join(f"{one.shown}: {one.why}" for one in others) or _UNASKED
    text = f"judged by {own.shown} alone: {why}"
    return Finding("quorum.others", Verdict.WARN, expected, text, _SILENT_HINT if others else _ASK_HINT)

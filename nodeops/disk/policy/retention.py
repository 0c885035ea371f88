"""Which sealed segments may go, and in which order: never the newest, never a held one, shipped ones before others. Pure."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite

from nodeops.core.errors import HostError, InputError
from nodeops.disk.model import Hold, Retention, Stage
from nodeops.logstore.naming import Segment

_HOLD = "nodeops disk hold"
_FEWEST_LETTERS = 3
_HINT = "move it away only when you know which holds it had: without it nothing is held"

_WHERE = "nodeops_choices.disk"
# Of a filesystem that holds nothing but logs, sealed ones take this share at most: the rest is for what a flood writes meanwhile.
SEALED_SHARE = 0.4


@dataclass(frozen=True)
class Shelf:
    """What is sealed, and what keeps it from going. `shipped` are names that the remote acknowledged."""

    segments: Sequence[Segment]
    holds: Sequence[Hold]
    shipped: Collection[str]
    retention: Retention
    ship_required: bool
    lossy_ok: bool


def require_possible(retention: Retention, seal_seconds: float, total: int) -> None:
    """Raise InputError for a retention that can never be met. `total` are the bytes of the log's filesystem."""
    if retention.keep_bytes > retention.max_bytes:
        what = f"keep_bytes ({retention.keep_bytes}) is more than max_bytes ({retention.max_bytes})"
        raise InputError(what, where=_WHERE, hint="the newest keep_bytes are kept whatever happens, so max_bytes cannot be met")
    if retention.max_age_seconds < seal_seconds:
        what = "max_age_days is shorter than seal_seconds: a log would be too old before it is sealed"
        raise InputError(what, where=_WHERE, hint="keep sealed logs longer, or seal more often")
    if total and retention.keep_bytes > total * SEALED_SHARE:
        what = f"keep_bytes ({retention.keep_bytes}) is more than {SEALED_SHARE:.0%} of the log's filesystem ({total} bytes)"
        raise InputError(what, where=_WHERE, hint="keep less, or give the log more room")


def oldest_first(shelf: Shelf) -> list[Segment]:
    """Return all segments, the oldest bytes of each stream first."""
    return sorted(shelf.segments, key=lambda one: (one.stream, one.start))


def kept_newest(shelf: Shelf, keep_bytes: int) -> set[str]:
    """Return the names of the newest segments that stay: the last one, and older ones up to `keep_bytes` of files."""
    names: set[str] = set()
    total = 0
    for segment in reversed(oldest_first(shelf)):
        if names and total >= keep_bytes:
            break
        names.add(segment.name)
        total += segment.size
    return names


def removable(shelf: Shelf, stage: Stage) -> Iterator[Segment]:
    """Yield what may go, in order: shipped ones first, then others where no remote has to acknowledge them.

    From `flood` on, `lossy_ok` lets go what was to be shipped and was not. At `critical` the node stands still, and only the
    newest segment is kept: room to seal the next piece counts for more than `keep_bytes`.
    """
    newest = kept_newest(shelf, shelf.retention.keep_bytes if stage < Stage.CRITICAL else 0)
    free = [one for one in oldest_first(shelf) if one.name not in newest and not is_held(one, shelf.holds)]
    yield from (one for one in free if one.name in shelf.shipped)
    if not shelf.ship_required or (stage >= Stage.FLOOD and shelf.lossy_ok):
        yield from (one for one in free if one.name not in shelf.shipped)


def expired(shelf: Shelf, now: float, most_bytes: int) -> Iterator[tuple[Segment, str]]:
    """Yield what retention lets go, with the rule: what is too old, and the oldest while all together are above `most_bytes`.

    A clock that was set back only keeps more.
    """
    total = sum(one.size for one in shelf.segments)
    for segment in removable(shelf, Stage.NORMAL):
        if segment.ended < now - shelf.retention.max_age_seconds:
            total -= segment.size
            yield segment, "retention.max_age"
        elif total > most_bytes:
            total -= segment.size
            yield segment, "retention.max_bytes"


def new_hold(since: float, until: float, owner: str, reason: str, held: Sequence[Hold], now: float) -> Hold:
    """Return a hold on what was written in [since, until], in Unix seconds. Raise InputError for a wrong range or no text."""
    if not (isfinite(since) and isfinite(until)) or since >= until:
        raise InputError("the range ends before it begins", where=_HOLD, allowed="--since before --until")
    for name, text in (("--owner", owner), ("--reason", reason)):
        if len(text.strip()) < _FEWEST_LETTERS or not text.isprintable():
            raise InputError(
                f"{name} says nothing", where=_HOLD, hint="whoever reads this in a year must know whom to ask, and why"
            )
    number = max((int(one.id.removeprefix("h")) for one in held), default=0) + 1
    return Hold(f"h{number}", since, until, owner.strip(), reason.strip(), now)


def released(held: Sequence[Hold], name: str) -> list[Hold]:
    """Return the holds without one. Raise InputError for a name that none has."""
    if name not in {one.id for one in held}:
        raise InputError(
            f"there is no hold '{name}'", where="nodeops disk release", allowed=", ".join(one.id for one in held) or "none"
        )
    return [one for one in held if one.id != name]


def is_held(segment: Segment, held: Iterable[Hold]) -> bool:
    """Tell whether a hold keeps a segment: their time ranges overlap. One whose time is not known (began 0) is held by any."""
    return any(segment.began <= one.until and segment.ended >= one.since for one in held)


def dumped_holds(held: Sequence[Hold]) -> bytes:
    """Return holds as they are kept."""
    return json.dumps([asdict(one) for one in held], indent=1).encode() + b"\n"


def loaded_holds(data: bytes, where: str) -> list[Hold]:
    """Return the holds that `dumped_holds` wrote. Raise HostError for anything else: then nobody knows what may go."""
    try:
        rows = json.loads(data)
        return [Hold(**{one.name: row[one.name] for one in fields(Hold)}) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise HostError(f"the holds cannot be read: {error!r}; nothing is purged", where=where, hint=_HINT) from error

"""Holds: time ranges of logs that must be kept, whatever fills up: a lawyer's or an investigator's word. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from math import isfinite

from nodeops.core.errors import HostError, InputError
from nodeops.disk.model import Hold, Segment

_WHERE = "nodeops disk hold"
_FEWEST_LETTERS = 3
_HINT = "move it away only when you know which holds it had: without it nothing is held"


def new_hold(since: float, until: float, owner: str, reason: str, held: Sequence[Hold], now: float) -> Hold:
    """Return a hold on what was written in [since, until], in Unix seconds. Raise InputError for a wrong range or no text."""
    if not (isfinite(since) and isfinite(until)) or since >= until:
        raise InputError("the range ends before it begins", where=_WHERE, allowed="--since before --until")
    for name, text in (("--owner", owner), ("--reason", reason)):
        if len(text.strip()) < _FEWEST_LETTERS or not text.isprintable():
            raise InputError(
                f"{name} says nothing", where=_WHERE, hint="whoever reads this in a year must know whom to ask, and why"
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


def dumped(held: Sequence[Hold]) -> bytes:
    """Return holds as they are kept."""
    return json.dumps([asdict(one) for one in held], indent=1).encode() + b"\n"


def loaded(data: bytes, where: str) -> list[Hold]:
    """Return the holds that `dumped` wrote. Raise HostError for anything else: then nobody knows what may go."""
    try:
        rows = json.loads(data)
        return [Hold(**{one.name: row[one.name] for one in fields(Hold)}) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise HostError(f"the holds cannot be read: {error!r}; nothing is purged", where=where, hint=_HINT) from error

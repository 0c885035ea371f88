"""Where two statements differ first: node and slice, or else the place in the text. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from nodeops.core.printable import printable
from nodeops.quorum.lease.promised import shown_time
from nodeops.sla.period import Period
from nodeops.sla.tally import State


class _Interval(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    node: str
    state: str
    first_slice: int
    last_slice: int


_INTERVALS = TypeAdapter(list[_Interval])
# What says which blocks and rules were looked at, before what came of them.
_GROUNDS = ("schema", "contract", "period", "chain")


def difference(said: Mapping[str, Any], found: Mapping[str, Any], period: Period) -> str:
    """Return in words where a statement (`said`) first differs from what the chain says (`found`); "" where it does not."""
    for key in _GROUNDS:
        if said.get(key) != found[key]:
            return next(_places(said.get(key), found[key], key))
    return _slices(said, found, period) or next(_places(said, found, ""), "")


def _slices(said: Mapping[str, Any], found: Mapping[str, Any], period: Period) -> str:
    try:
        claimed = _INTERVALS.validate_python(said.get("intervals"))
    except ValidationError:
        return "intervals: are not in the form of a statement"
    real = _INTERVALS.validate_python(found["intervals"])
    first: tuple[int, str, str, str] | None = None
    for node in sorted(found["nodes"]):
        pairs = zip(_states(claimed, node, period.slices), _states(real, node, period.slices), strict=True)
        one = next(((number, node, says, is_) for number, (says, is_) in enumerate(pairs) if says != is_), None)
        if one and (first is None or one[0] < first[0]):
            first = one
    if first is None:
        return ""
    number, node, says, is_ = first
    begin, end = period.bounds(number)
    return f"{node}, slice {number} ({shown_time(begin)} to {shown_time(end)}): stated {printable(says, 40)}, on the chain {is_}"


def _states(intervals: list[_Interval], node: str, slices: int) -> list[str]:
    """Return what each slice of a node was. Whoever made intervals up may let them overlap, or end outside the period."""
    found = [str(State.GOOD)] * slices
    for one in intervals:
        begin, end = max(0, one.first_slice), min(slices, one.last_slice + 1)
        if one.node == node and begin < end:
            found[begin:end] = [one.state] * (end - begin)
    return found


def _places(said: Any, found: Any, path: str) -> Iterator[str]:
    """Yield each place where two pieces of JSON differ."""
    if isinstance(said, dict) and isinstance(found, dict):
        for key in sorted(said.keys() | found.keys()):
            yield from _places(said.get(key), found.get(key), f"{path}.{printable(key, 60)}".lstrip("."))
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for number, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from _places(one, other, f"{path}.{number}")
    elif type(said) is not type(found) or said != found:
        yield f"{path}: stated {_short(said)}, on the chain {_short(found)}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} of them"
    return "nothing" if value is None else printable(value, 100)

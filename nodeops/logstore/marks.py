"""When were bytes of a stream written? Between two looks at its size: marks, kept few. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

# As many as an intent journal's slot has room for.
MARKS = 20


@dataclass(frozen=True)
class Mark:
    """At this time (Unix seconds) the stream had this many bytes."""

    at: float
    size: int


def marked(marks: Sequence[Mark], base: int, new: Mark) -> tuple[Mark, ...]:
    """Return the marks with one more, without those that say nothing of bytes from `base` on, and at most 20.

    When there are too many, every second one in the middle goes: what they enclosed is then enclosed less tightly.
    """
    before = [one for one in marks if one.size <= base]
    kept = [*before[-1:], *(one for one in marks if one.size > base)]
    if kept and kept[-1].size > new.size:
        return tuple(kept)
    if len(kept) > 1 and kept[-2].size == new.size:
        # Nothing came between: the first of the two says when it had ended, the last when what follows began.
        kept.pop()
    kept.append(Mark(round(new.at, 3), new.size))
    return tuple(kept if len(kept) <= MARKS else [kept[0], *kept[1:-1:2], kept[-1]])


def enclosed(marks: Sequence[Mark], start: int, end: int, now: float) -> tuple[float, float]:
    """Return two times between which bytes [start, end) were written; 0.0 where nothing says when they began.

    A clock that was set back may turn them round: they are put in order again.
    """
    began = max(((one.size, one.at) for one in marks if one.size <= start), default=(0, 0.0))[1]
    ended = min(((one.size, one.at) for one in marks if one.size >= end), default=(end, now))[1]
    return min(began, ended), max(began, ended)

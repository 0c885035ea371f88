"""Whether ranges of a stream cover it from its first byte on: what is missing, and what is there twice. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True)
class Cover:
    """`missing` and `twice` are ranges [start, end) of the stream; both empty when every byte is accounted for once."""

    missing: tuple[Span, ...]
    twice: tuple[Span, ...]


def cover(spans: Iterable[Span], end: int) -> Cover:
    """Return what ranges leave out of [0, end) and what they hold more than once; a range that is there twice counts once."""
    missing, twice, reached = [], [], 0
    for start, stop in sorted(set(spans)):
        if start >= end:
            break
        if start > reached:
            missing.append((reached, start))
        elif start < reached:
            twice.append((start, min(stop, reached)))
        reached = max(reached, stop)
    if reached < end:
        missing.append((reached, end))
    return Cover(tuple(missing), tuple(twice))

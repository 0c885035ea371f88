"""What a segment's file is called: stream and range, so that names of one stream sort as their ranges do. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nodeops.core.errors import InputError

Span = tuple[int, int]

STREAM = "ledger"


# A stream's name is the beginning of file names; with what follows it fits into 255 bytes and into a segment's trailer.
_STREAM = re.compile(r"[a-z][a-z0-9-]{0,99}", re.ASCII)
_NAME = re.compile(rf"({_STREAM.pattern})\.([0-9a-f]{{16}})-([0-9a-f]{{16}})\.zst", re.ASCII)


def require_stream(name: str) -> None:
    """Raise InputError unless a name can be that of a stream."""
    if not _STREAM.fullmatch(name):
        raise InputError("is no name of a stream", ascii(name), "1 to 100 small letters, digits and -, a letter first")


def segment_name(stream: str, start: int, end: int) -> str:
    """Return what the file of bytes [start, end) of a stream is called."""
    return f"{stream}.{start:016x}-{end:016x}.zst"


def temporary_name(name: str) -> str:
    """Return what a segment's file is called until it is whole."""
    return f".{name}.tmp"


def is_segment_name(name: str) -> bool:
    """Tell whether a file's name is exactly of the form that segments have; nothing may come before or after it."""
    return _NAME.fullmatch(name) is not None


def is_unfinished_name(name: str) -> bool:
    """Tell whether this is what a segment's file is called while it is written."""
    return is_segment_name(name[1:-4]) and name == temporary_name(name[1:-4])


def range_of(name: str) -> tuple[str, int, int] | None:
    """Return stream, start and end as a file name has them; None when it is no segment's name."""
    found = _NAME.fullmatch(name)
    if found is None or int(found[2], 16) >= int(found[3], 16):
        return None
    return found[1], int(found[2], 16), int(found[3], 16)


@dataclass(frozen=True)
class Segment:
    """Bytes [start, end) of a log stream, sealed in one compressed file.

    Offsets count from the first byte that the stream ever had. `began` and `ended` enclose the time in which the bytes were
    written. `plain` and `stored` are SHA-256 of the bytes and of the file, `size` the file's bytes.
    """

    stream: str
    start: int
    end: int
    lines: int
    began: float
    ended: float
    plain: str
    stored: str
    size: int
    name: str


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

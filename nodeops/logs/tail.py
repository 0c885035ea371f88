"""Where to begin and to end reading a log: at a time, or some lines before its end. Offsets are those of the stream."""

from collections import deque
from collections.abc import Iterator

from nodeops.logs.stream import LogStream

# A segment's times are known from looks at the log's size, and clocks are set: this far they may be wrong.
SLACK_SECONDS = 300.0
_BLOCK_BYTES = 64 << 10


def start_of(stream: LogStream, since: float) -> int:
    """Return an offset before which nothing was written at `since` (Unix seconds) or later."""
    first, base, _ = stream.bounds()
    spans = stream.spans()
    return next((span.start for span in spans if stream.about(span).ended >= since - SLACK_SECONDS), base if spans else first)


def end_of(stream: LogStream, until: float) -> int:
    """Return an offset behind which nothing was written at `until` (Unix seconds) or before.

    It is one segment further than needed, so that a line which ends there is whole.
    """
    *_, end = stream.bounds()
    for span in reversed(stream.spans()):
        if stream.about(span).began <= until + SLACK_SECONDS:
            return end
        end = span.end
    return end


def starts_of_tail(stream: LogStream, lines: int, end: int) -> Iterator[int]:
    """Yield offsets, each further back, from which there may be enough lines before `end`; the last is the beginning.

    Each is about twice as far back as the one before, so reading from all of them costs twice what reading the last one does.
    """
    _, base, _ = stream.bounds()
    behind = [span for span in reversed(stream.spans()) if span.start < base]
    last = _last_unsealed(stream, lines, base, end)
    if last > base:
        yield last
    yield base
    step, have = 1, 0
    while behind:
        taken, behind, step = behind[:step], behind[step:], step * 2
        have += sum(stream.about(span).lines for span in taken)
        if have >= lines or not behind:
            yield taken[-1].start


def _last_unsealed(stream: LogStream, lines: int, base: int, end: int) -> int:
    """Return where the last lines before `end` begin, or `base`, the first byte not sealed, when they begin before that."""
    at, missing = end, lines
    while at > base:
        size = min(_BLOCK_BYTES, at - base)
        data = stream.live_at(at - size, size)
        if data is None:
            return base
        # The newline that ends the last line begins no other one.
        place = size - (at == end and data.endswith(b"\n"))
        while (place := data.rfind(b"\n", 0, place)) >= 0:
            missing -= 1
            if not missing:
                return at - size + place + 1
        at -= size
    return base


def tail_start(stream: LogStream, lines: int, end: int) -> int:
    """Return the offset at which the last lines before `end` begin; that of the first byte when there are fewer."""
    found = end
    if not lines:
        return found
    first, *_ = stream.bounds()
    # One more, because a segment may begin in the middle of a line: only the log's first byte begins one for certain.
    for start in starts_of_tail(stream, lines + 1, end):
        begins = deque([start] if start == first else [], maxlen=lines)
        for offset, data in stream.read(start, end):
            place = -1
            while (place := data.find(b"\n", place + 1)) >= 0:
                if offset + place + 1 < end:
                    begins.append(offset + place + 1)
        found = begins[0] if begins else start
        if len(begins) == lines:
            break
    return found

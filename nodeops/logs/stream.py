"""Read a log as one stream of bytes, sealed segments and live log together, while a guard seals, purges and rotates.

Every byte has an offset in the stream that never changes, so nothing is lost or repeated: a reader asks for the byte after the
last one it got. It is looked for in the segments, then in the live log (nodeops.logs.live_log tells how that is read safely);
when the live log says that the byte was sealed meanwhile, the segments are listed again. A segment is there before its bytes
are taken out of the live log, so a byte that is in neither, by a list made after the journal said so, was purged or lost: that
is reported, and the stream goes on behind it.
"""

import json
import math
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nodeops.core.errors import HostError, NodeopsError
from nodeops.host.beneath import Gone
from nodeops.logs.live_log import LiveLog, LogFiles, Miss
from nodeops.logstore.naming import range_of
from nodeops.logstore.segment import BUFFER_BYTES, TRAILER_BYTES, opened, plain_open
from nodeops.logstore.source import folder_at

# Often enough for a person who watches; a poll costs a fifth of a millisecond.
POLL_SECONDS = 0.5
_WAIT_SECONDS = 0.02
# Longer than any cut takes, also on a disk that is nearly full and busy.
_STALLED_SECONDS = 60.0


class Chunk(NamedTuple):
    """Bytes of the stream, and the offset of the first of them. Empty: there are no more yet."""

    offset: int
    data: bytes


class Span(NamedTuple):
    """A segment by its file name: bytes [start, end) of the stream."""

    start: int
    end: int
    name: str


@dataclass(frozen=True)
class About:
    """What a segment says of itself: its lines, and two times between which they were written (began 0.0: unknown)."""

    lines: int
    began: float
    ended: float


def silent(_: str) -> None:
    """Report nothing."""


class LogStream:
    """A log, open for reading; a context manager. `report` is told what is missing or damaged, in words for a person."""

    def __init__(self, files: LogFiles, report: Callable[[str], None] = silent) -> None:
        self._files, self._report = files, report
        self._live = LiveLog(files)
        self._spans: list[Span] = []

    def __enter__(self) -> "LogStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._live.close()

    def spans(self) -> Sequence[Span]:
        """Return the segments there are now, in order; of two that begin alike the longer one comes last."""
        try:
            names = [path.name for path in self._files.sealed.iterdir()]
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise HostError(f"cannot be read: {error.strerror}", where=str(self._files.sealed)) from error
        found = ((name, range_of(name)) for name in names)
        self._spans = sorted(Span(at[1], at[2], name) for name, at in found if at and at[0] == self._files.stream)
        return self._spans

    def about(self, span: Span) -> About:
        """Return what a segment says of itself. One that cannot be read says nothing: it may hold anything."""
        try:
            with folder_at(self._files.sealed) as folder, opened(folder, span.name) as handle:
                end = os.pread(handle, TRAILER_BYTES, max(0, os.fstat(handle).st_size - TRAILER_BYTES))
            said = json.loads(end[end.index(b"{") :])
            return About(int(said["lines"]), float(said["began"]), float(said["ended"]))
        except (NodeopsError, OSError, ValueError, TypeError, KeyError):
            return About(0, 0.0, math.inf)

    def live_at(self, offset: int, size: int) -> bytes | None:
        """Return bytes of what is not sealed; None when they are not, or not all, there now."""
        found = self._live.read_at(offset, size)
        return found if isinstance(found, bytes) and len(found) == size else None

    def bounds(self) -> tuple[int, int, int]:
        """Return the offsets of the first byte there is, of the first that is not sealed, and of the end as it is now."""
        stalled = _Stalled(str(self._files.live))
        while True:
            found = self._live.bounds()
            if not isinstance(found, Miss):
                spans = self.spans()
                return (min(spans[0].start, found[0]) if spans else found[0], *found)
            stalled.wait()

    def read(self, start: int, end: int | None = None) -> Iterator[Chunk]:
        """Yield the bytes [start, end) of the stream as far as they exist; without an end, for ever, with empty chunks between.

        An empty chunk comes after each pause in which nothing was written. Raise HostError when the log cannot be read, or
        when a cut was interrupted in a way that only the guard can finish.
        """
        at, stalled = start, _Stalled(str(self._files.live))
        self.spans()
        while end is None or at < end:
            span = self._span_at(at)
            if span is not None:
                # A renamed log that is removed meanwhile must not keep its space while a segment is read.
                self._live.close()
                for chunk in self._sealed(span, at, end):
                    yield chunk
                    at = chunk.offset + len(chunk.data)
                    stalled.reset()
                continue
            most = BUFFER_BYTES if end is None else min(BUFFER_BYTES, end - at)
            found = self._live.read_at(at, most)
            if isinstance(found, bytes):
                yield Chunk(at, found)
                at += len(found)
                stalled.reset()
            elif found is Miss.END:
                at = self._after_end(at)
                if end is not None:
                    return
                yield Chunk(at, b"")
                time.sleep(POLL_SECONDS)
                stalled.reset()
            else:
                at = self._missed(at, found, stalled)

    def _span_at(self, at: int) -> Span | None:
        place = bisect_right(self._spans, at, key=lambda span: span.start)
        return next((span for span in reversed(self._spans[:place][-2:]) if span.start <= at < span.end), None)

    def _sealed(self, span: Span, at: int, end: int | None) -> Iterator[Chunk]:
        """Yield what a segment has from `at` on. When it is damaged, the rest of it is skipped, and that is reported."""
        last = span.end if end is None else min(end, span.end)
        try:
            for place, data in self._plain(span):
                wanted = data[max(0, at - place) : max(0, last - place)]
                if wanted:
                    yield Chunk(max(at, place), wanted)
                # To its end a segment is read in full: its checksum comes last.
                if place + len(data) >= last < span.end:
                    return
        except Gone:
            self.spans()
        except NodeopsError as error:
            self._report(f"{error.where}: {error.what}; the log goes on here at byte {span.end}")
            yield Chunk(span.end, b"")

    def _plain(self, span: Span) -> Iterator[Chunk]:
        place = span.start
        with folder_at(self._files.sealed) as folder, opened(folder, span.name) as handle:
            for data in plain_open(handle, span.name):
                yield Chunk(place, data)
                place += len(data)
        if place < span.end:
            raise HostError("holds fewer bytes than its name says", where=span.name)

    def _missed(self, at: int, why: Miss, stalled: "_Stalled") -> int:
        """Return the offset to go on at: the same once its byte can be found, or one behind bytes that are gone."""
        listed = why is not Miss.BUSY and self.spans()
        if listed and self._span_at(at):
            return at
        if why is not Miss.BEFORE:
            stalled.wait()
            return at
        # The list is younger than what the live log said, so there is no segment of this byte any more. The live log's start
        # must be that of then, not of now: what was sealed since is in no list yet.
        following = [span.start for span in self._spans if span.start > at]
        there = min([*following, self._live.start])
        self._report(f"bytes {at} to {there} of the log are not here any more: purged, or lost")
        return there

    def _after_end(self, at: int) -> int:
        """Return the offset to go on at after the end: another one when somebody has shortened or replaced the log."""
        found = self._live.bounds()
        if isinstance(found, Miss) or at <= found[1]:
            return at
        self._report(f"the log was shortened or replaced by somebody else: it goes on at byte {found[0]}")
        return found[0]


class _Stalled:
    """Waits a little, and raises HostError when nothing has come for too long."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.reset()

    def reset(self) -> None:
        """Something has come."""
        self._since = time.monotonic()

    def wait(self) -> None:
        """Wait until it is worth looking again."""
        if time.monotonic() - self._since > _STALLED_SECONDS:
            hint = "the guard finishes that when it starts: nodeops disk status"
            raise HostError("sealing was interrupted, and what is there cannot be read in order", where=self._where, hint=hint)
        time.sleep(_WAIT_SECONDS)


def joined(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Yield the bytes of chunks. Where some are missing between two, the line before is ended, if it was not."""
    expected, ended = None, True
    for offset, data in chunks:
        if expected is not None and offset != expected and not ended:
            yield b"\n"
        if data:
            ended = data.endswith(b"\n")
        expected = offset + len(data)
        yield data

"""What fills a log: lines and bytes an hour by module and level, and the messages that repeat most. Pure.

Memory is bounded whatever the log holds: of messages and of (hour, module, level) only so many distinct ones are kept, the
rest is counted as others. So a message's count is exact while `others` is empty, and at least that many after.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

from nodeops.logs.lines import Entry, Line, Reader

HOUR = 3600
# Some MB at most. CometBFT has some hundred messages in 15 modules, so an honest log never gets near either.
MESSAGES_LIMIT = 4096
RATES_LIMIT = 20_000
_TEXT_BYTES = 200
# Hashes, keys and addresses, then all other figures. What is left is the same for each time a line of code has spoken.
_FIGURES = re.compile(rb"0[xX][0-9a-fA-F]+|\b[0-9a-fA-F]{8,}\b|[0-9]+")
_Key = TypeVar("_Key", bound=Hashable)


class Count(NamedTuple):
    """Lines, and their bytes with newlines."""

    lines: int = 0
    bytes: int = 0


class Source(NamedTuple):
    """Where lines come from: the start of an hour in Unix seconds, a module ("" for none) and a level."""

    hour: int
    module: str
    level: str


class Message(NamedTuple):
    """What was said: module, level, and the text with its figures masked as #."""

    module: str
    level: str
    text: str


@dataclass(frozen=True)
class Summary:
    """What was counted. `first` and `last` are the times seen; `headless` are lines before the first one that has a time."""

    total: Count
    headless: Count
    first: float | None
    last: float | None
    rates: dict[Source, Count]
    rates_others: Count
    messages: dict[Message, Count]
    messages_others: Count

    @property
    def hours(self) -> float:
        """Return the time between first and last line in hours; a second at least, so that it divides."""
        return max(1.0, (self.last or 0.0) - (self.first or 0.0)) / HOUR

    def by_source(self) -> dict[tuple[str, str], Count]:
        """Return the counts by module and level over all hours, the most bytes first."""
        return _summed((((source.module, source.level), count) for source, count in self.rates.items()))

    def by_hour(self) -> dict[int, Count]:
        """Return the counts by hour (Unix seconds of its start), in order of time."""
        return dict(sorted(_summed(((source.hour, count) for source, count in self.rates.items())).items()))


def _summed(pairs: Iterable[tuple[_Key, Count]]) -> dict[_Key, Count]:
    lines: Counter[_Key] = Counter()
    size: Counter[_Key] = Counter()
    for key, count in pairs:
        lines[key] += count.lines
        size[key] += count.bytes
    return {key: Count(lines[key], size[key]) for key, _ in size.most_common()}


class _Bounded:
    """Counts by key, a plain tuple. When there are too many keys, the half with the fewest bytes goes to the others."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[tuple[Hashable, ...], list[int]] = {}
        self._others = [0, 0]

    def add(self, key: tuple[Hashable, ...], size: int) -> None:
        """Count one line of so many bytes."""
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= self._limit:
                self._shrink()
            count = self._counts[key] = [0, 0]
        count[0] += 1
        count[1] += size

    def _ranked(self) -> list[tuple[tuple[Hashable, ...], list[int]]]:
        return sorted(self._counts.items(), key=lambda item: item[1][1], reverse=True)

    def _shrink(self) -> None:
        ranked = self._ranked()
        for _, (lines, size) in ranked[self._limit // 2 :]:
            self._others[0] += lines
            self._others[1] += size
        self._counts = dict(ranked[: self._limit // 2])

    def result(self, make: Callable[..., _Key]) -> tuple[dict[_Key, Count], Count]:
        """Return the counts, the most bytes first and with their keys made, and what the others had."""
        return {make(*key): Count(*count) for key, count in self._ranked()}, Count(*self._others)


@lru_cache(maxsize=MESSAGES_LIMIT)
def masked(text: bytes) -> str:
    """Return a message with every figure replaced by #, cut to 200 bytes."""
    return _FIGURES.sub(b"#", text[:_TEXT_BYTES]).decode(errors="backslashreplace")


class Statistics:
    """Counts lines as they come. A line without a head counts for the one before it: it is its continuation."""

    def __init__(self, reader: Reader, messages_limit: int = MESSAGES_LIMIT, rates_limit: int = RATES_LIMIT) -> None:
        self._reader = reader
        self._rates = _Bounded(rates_limit)
        self._messages = _Bounded(messages_limit)
        self._entry: Entry | None = None
        self._total, self._headless = Count(), Count()
        self._first: float | None = None
        self._last: float | None = None

    def feed(self, lines: Iterable[Line]) -> None:
        """Count lines."""
        count, count_bytes = self._total
        for data, size in lines:
            count, count_bytes = count + 1, count_bytes + size
            found = self._reader.entry(data)
            if found:
                self._entry = found
                self._see(found.time)
            self._count(self._entry, size)
        self._total = Count(count, count_bytes)

    def _see(self, time: float) -> None:
        if self._first is None or time < self._first:
            self._first = time
        if self._last is None or time > self._last:
            self._last = time

    def _count(self, entry: Entry | None, size: int) -> None:
        if entry is None:
            self._headless = Count(self._headless.lines + 1, self._headless.bytes + size)
            return
        time, level, module, text = entry
        self._rates.add((int(time) // HOUR * HOUR, module, level), size)
        self._messages.add((module, level, masked(text)), size)

    def summary(self) -> Summary:
        """Return what was counted so far."""
        rates, messages = self._rates.result(Source), self._messages.result(Message)
        return Summary(self._total, self._headless, self._first, self._last, *rates, *messages)

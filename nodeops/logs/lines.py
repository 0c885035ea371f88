"""Lines of a ledger's log: cut from a stream of bytes, read by the platform's format, picked by time, level, module and text.

Times are Unix seconds, levels are named as in the profile. A log is written by strangers too (peers send what ends up in
it), so nothing here assumes text, and nothing takes memory or time beyond a bound for one line. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from operator import itemgetter
from typing import NamedTuple

from nodeops.core.errors import InputError
from nodeops.document.log_format import LogFormat

# A line of CometBFT has 200 bytes, with a whole block in it tens of thousands; of a longer one the rest is only counted.
LINE_LIMIT = 1 << 20
# Where level, time, text and module stand: what comes later is not looked at for them.
_HEAD_BYTES = 4096
_PARTS = {"Y": "([0-9]{4})", "z": r"(Z|[+-][0-9]{2}:?[0-9]{2})", "f": "([0-9]{1,9})"}


class Line(NamedTuple):
    """One line without its newline, cut to a limit; `size` is what it has in the log, with the newline."""

    data: bytes
    size: int

    def whole(self) -> bytes:
        """Return the line, and at its end how much of it was cut off, if anything."""
        left = self.size - len(self.data) - 1
        return self.data + b" ...[%d bytes more]" % left if left > 0 else self.data


class Entry(NamedTuple):
    """The head of a line: when, how important, which part of the ledger, and the message without its values."""

    time: float
    level: str
    module: str
    text: bytes


def split(chunks: Iterable[bytes], limit: int = LINE_LIMIT) -> Iterator[Line]:
    """Yield the lines of a stream of bytes. Of a line longer than `limit` bytes the rest is counted, and kept nowhere."""
    held, dropped = b"", 0
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        held, dropped = _bounded(held + first, dropped, limit)
        if not others:
            continue
        yield Line(held, len(held) + dropped + 1)
        rest = others.pop()
        for data in others:
            yield Line(data[:limit], len(data) + 1)
        held, dropped = _bounded(rest, 0, limit)
    if held:
        yield Line(held, len(held) + dropped)


def _bounded(held: bytes, dropped: int, limit: int) -> tuple[bytes, int]:
    return (held, dropped) if len(held) <= limit else (held[:limit], dropped + len(held) - limit)


class _Clock:
    """Turns a time as a line has it into Unix seconds. strptime would take most of the time that reading a log takes."""

    def __init__(self, time_format: str, zone: tzinfo) -> None:
        pieces = re.split(r"%(.)", time_format)
        wanted = [re.escape(text) if at % 2 == 0 else _PARTS.get(text, "([0-9]{2})") for at, text in enumerate(pieces)]
        self._pattern = re.compile("".join(wanted).encode())
        groups = {letter: place for place, letter in enumerate(pieces[1::2])}
        self._offset = "z" in groups
        self._minute_of = itemgetter(*(groups[letter] for letter in ("YmdHMz" if self._offset else "YmdHM")))
        self._second, self._fraction = groups["S"], groups.get("f")
        self._zone = zone
        self._known: tuple[tuple[bytes, ...], float] = ((), 0.0)
        self._last: tuple[bytes, float | None] = (b"", None)

    def seconds(self, text: bytes) -> float | None:
        """Return Unix seconds; None for what is no time. The last one is remembered: lines come in bursts."""
        if text != self._last[0]:
            self._last = (text, self._seconds(text))
        return self._last[1]

    def _seconds(self, text: bytes) -> float | None:
        found = self._pattern.fullmatch(text)
        if not found:
            return None
        parts = found.groups()
        minute = self._minute(parts)
        fraction = float(b"0." + parts[self._fraction]) if self._fraction is not None else 0.0
        return None if minute is None else minute + int(parts[self._second]) + fraction

    def _minute(self, parts: Sequence[bytes]) -> float | None:
        """Return the Unix seconds of the minute; the last one is remembered, because neighbours share it."""
        key = self._minute_of(parts)
        if key != self._known[0]:
            zone = _offset(key[5]) if self._offset else self._zone
            try:
                year, month, day, hour, minute = map(int, key[:5])
                self._known = (key, datetime(year, month, day, hour, minute, tzinfo=zone).timestamp())
            except (ValueError, OverflowError):
                return None
        return self._known[1]


def _offset(text: bytes) -> tzinfo | None:
    return datetime.strptime(text.decode(), "%z").tzinfo


class Reader:
    """Reads lines by a platform's format; times without an offset are of `zone`."""

    def __init__(self, log: LogFormat, zone: tzinfo) -> None:
        self._line = re.compile(log.line.encode())
        self._has_text = "text" in self._line.groupindex
        self._names_module = "module" in self._line.groupindex
        self._clock = _Clock(log.time_format, UTC if log.timezone == "utc" else zone)
        self._levels = {written.encode(): name for written, name in log.levels.items()}
        self._module = re.compile(rb' %s=("(?:[^"\\]|\\.)*"|[^ ]*)' % re.escape(log.module).encode())

    def head(self, data: bytes) -> tuple[float, str, re.Match[bytes]] | None:
        """Return time and level of a line, and where its head was found; None for a line that goes on with the one before."""
        found = self._line.match(data, 0, _HEAD_BYTES)
        if found is None:
            return None
        time, level = self._clock.seconds(found["time"]), self._levels.get(found["level"])
        return None if time is None or level is None else (time, level, found)

    def module(self, data: bytes, found: re.Match[bytes]) -> str:
        """Return the module that a line names in its head, or after one that never does; "" for none."""
        if self._names_module:
            return (found["module"] or b"").decode(errors="backslashreplace")
        # From the byte before, because a head may end behind the space that a key needs before it.
        module = self._module.search(data, max(0, found.end() - 1), _HEAD_BYTES)
        return module[1].strip(b'"').decode(errors="backslashreplace") if module else ""

    def entry(self, data: bytes) -> Entry | None:
        """Return all that is known of a line; None for one without a head: it goes on with what the line before began."""
        head = self.head(data)
        if head is None:
            return None
        time, level, found = head
        text = found["text"] if self._has_text else data[found.end() : _HEAD_BYTES]
        return Entry(time, level, self.module(data, found), text.strip())


@dataclass(frozen=True)
class Wanted:
    """Which lines are asked for; None asks for all. `levels` and `modules` are names, `since` and `until` Unix seconds."""

    since: float | None = None
    until: float | None = None
    grep: re.Pattern[bytes] | None = None
    levels: frozenset[str] | None = None
    modules: frozenset[str] | None = None

    @property
    def by_entry(self) -> bool:
        """Tell whether the head of a line must be read to know whether it is wanted."""
        return any(value is not None for value in (self.since, self.until, self.levels, self.modules))

    def wants(self, reader: Reader, data: bytes, before: bool) -> bool:
        """Tell whether a line is asked for, as far as its head can tell; `before` is what was said of the line before."""
        head = reader.head(data)
        if head is None:
            return before
        time, level, found = head
        return (
            (self.since is None or time >= self.since)
            and (self.until is None or time <= self.until)
            and (self.levels is None or level in self.levels)
            and (self.modules is None or reader.module(data, found) in self.modules)
        )


def select(lines: Iterable[Line], reader: Reader, wanted: Wanted) -> Iterator[Line]:
    """Yield the lines that are asked for. A line without a head goes with the line before it; only `grep` looks at each."""
    with_head = not wanted.by_entry
    search = wanted.grep.search if wanted.grep else None
    for line in lines:
        if wanted.by_entry:
            with_head = wanted.wants(reader, line.data, with_head)
        if with_head and (search is None or search(line.data)):
            yield line


def pattern(text: str) -> re.Pattern[bytes]:
    """Return what a person wants to find, as a pattern for bytes. Raise InputError when it is no regular expression."""
    try:
        return re.compile(text.encode())
    except (re.error, UnicodeEncodeError) as error:
        raise InputError(
            f"is not a regular expression: {error}", where="--grep", hint="put a \\ before . * + ? ( ) [ ]"
        ) from error


def levels_from(least: str, known: Sequence[str]) -> frozenset[str]:
    """Return a level and the more important ones; `known` has the most talkative first. Raise InputError for another level."""
    if least not in known:
        raise InputError(f"unknown level '{least}'", where="--level", allowed=", ".join(known))
    return frozenset(known[known.index(least) :])

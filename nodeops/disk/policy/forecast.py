"""When a filesystem will be full. Pure.

What is watched is used space less what the policy may purge (live log, sealed segments that are neither held nor to be kept,
ballast): then our own purges make no sawtooth, and full means that nothing is left to purge. A database that compacts, a backup
that comes and goes: each makes a sawtooth that is no alarm. So growth is told from habit first, and measured only then.

1. Growth is new when the level is above every daily peak of the last week and the usual drift of two days, or when it rose
   faster than ever in that week: within minutes, a quarter of an hour, an hour, four, half a day.
2. From that moment on its speed is measured: the top of the second half of the time since then against the top of the first
   half. So a tooth's way down is no end of it, and one large file is growth only while it is written.
3. Growth that is no news, the drift from each daily peak to the next, is told too: it fills a disk in days.

Habits are known after two days; until then only a rise by more than a quarter of the filesystem is new. What this promises and
what not: docs/disk.md, measured by tests/long/test_forecast_matrix.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

DAY = 86400.0
# Often enough to see within two minutes what fills a disk in an hour. The level of a tick is its lowest look: what comes and
# goes within seconds is no use of a disk.
TICK_SECONDS = 15.0
# A tooth may take a day, so it takes two to see the drift from peak to peak. What is older than a week may be a habit no more.
_NEEDED_DAYS, _REMEMBERED_DAYS = 2, 7
# A tooth of a day may have its peak when a day begins and the next time when the following one ends.
_DRIFT_DAYS = 2
# From the rise that fills a disk in an hour to the one that fills it in a day; the lowest level is known to an eighth of each.
_RISE_SECONDS = tuple(240.0 * 4**number for number in range(5))
_PARTS = 8
# Exact loads repeat their steepest rise but for noise, and noise is a large part of a small rise.
_FASTER = 1.25
# Teeth of a fifth of the filesystem are the largest that are expected: before habits are known, more than this is growth.
_LARGEST_TOOTH = 0.25
# Noise is no growth: a part of what is free, or of the filesystem, whichever is more.
_SHARE_OF_FREE, _SHARE_OF_TOTAL = 1 / 60, 1 / 300
# Steps are joined in pairs when they are more, which tells a half of the time to a few percent.
_MOST_STEPS, _FEWEST_STEPS = 64, 4
_VERSION, _END_OF_TIME = 3, 1e12
_UNITS = (("d", DAY), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


@dataclass(frozen=True)
class Forecast:
    """When a filesystem is full: seconds from now, None when it is not filling or, `learning`, while too little was seen."""

    seconds: float | None
    learning: bool = False


def spoken(forecast: Forecast) -> str:
    """Return a forecast in words: "full in 3 d 4 h", "not filling", "too early to say"."""
    if forecast.seconds is None:
        return "too early to say" if forecast.learning else "not filling"
    return f"full in {duration(forecast.seconds)}"


def duration(seconds: float) -> str:
    """Return a time in its largest unit and the next: "3 d 4 h", "5 min", "12 s"."""
    name, length = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    whole, rest = divmod(max(0.0, seconds), length)
    after = dict(pairwise(_UNITS)).get((name, length))
    more = f" {rest // after[1]:.0f} {after[0]}" if after and rest >= after[1] else ""
    return f"{whole:.0f} {name}{more}"


@dataclass
class _Steps:
    """The highest or the lowest of each of the last steps of time, the present one last. A step without a look repeats `last`."""

    seconds: float
    length: int
    pick: Callable[[int, int], int]
    number: int = 0
    last: int = 0
    values: list[int] = field(default_factory=list)

    def put(self, now: float, value: int) -> None:
        number = int(now // self.seconds)
        if self.values and number <= self.number:
            self.values[-1] = self.pick(self.values[-1], value)
        else:
            missed = min(number - self.number - 1, self.length) if self.values else 0
            self.values = [*self.values, *[self.last] * missed, value][-self.length :]
            self.number = number
        self.last = value

    def as_list(self) -> list[Any]:
        return [self.number, self.last, self.values]

    def restore(self, row: Any) -> None:
        number, last, values = row
        self.number, self.last = int(number), int(last)
        self.values = [int(value) for value in values][-self.length :]


class _Rise:
    """How much the level rises within a time: the lowest levels of that time, and the highest rise of each of the last days."""

    def __init__(self, seconds: float) -> None:
        self.lowest = _Steps(seconds / _PARTS, _PARTS + 1, min)
        self.highest = _Steps(DAY, _REMEMBERED_DAYS + 1, max)

    def is_unheard_of(self, now: float, level: int, margin: float) -> bool:
        """Take the level of a tick, and tell whether it rose faster than on any day before."""
        self.lowest.put(now, level)
        rise = level - min(self.lowest.values)
        self.highest.put(now, rise)
        learned = self.highest.values[:-1]
        return len(learned) >= _NEEDED_DAYS and rise > _FASTER * max(learned) + margin


@dataclass
class _Growth:
    """Growth that is new: since when, when it last showed, and the tops of equal steps since then."""

    since: float
    shown: float
    doublings: int = 0
    tops: list[int] = field(default_factory=list)

    def put(self, now: float, level: int) -> None:
        while (number := int((now - self.since) / (TICK_SECONDS * 2**self.doublings))) >= _MOST_STEPS:
            self.tops = [max(self.tops[at : at + 2]) for at in range(0, len(self.tops), 2)]
            self.doublings += 1
        self.tops += [self.tops[-1] if self.tops else level] * (number + 1 - len(self.tops))
        self.tops[number] = max(self.tops[number], level)

    def full_after(self, now: float, total: int, margin: float) -> float | None:
        """Return the seconds until the top reaches the end of the filesystem; None when it does not grow any more."""
        half = len(self.tops) // 2
        first, second = max(self.tops[:half], default=0), max(self.tops[half:])
        if len(self.tops) < _FEWEST_STEPS or second <= first + margin:
            return None
        return (total - second) / (second - first) * (now - self.since) / 2


class Forecaster:
    """What is remembered of one filesystem to say when it will be full: some 170 numbers."""

    def __init__(self) -> None:
        # Seconds that were watched: a reboot, or a guard that did not run, only stops them.
        self._now, self._tick = 0.0, -1.0
        self._clock: float | None = None
        self._look: int | None = None
        self._lowest: int | None = None
        self._peaks = _Steps(DAY, _REMEMBERED_DAYS + 1, max)
        self._rises = [_Rise(seconds) for seconds in _RISE_SECONDS]
        self._growth: _Growth | None = None
        self._forecast = Forecast(None, learning=True)

    def observe(self, seconds: float, used: int, total: int) -> Forecast:
        """Take a look and return when the filesystem will be full if it goes on like this, as the last tick found.

        `seconds` are those of a clock that nobody sets, `used` the bytes that cannot be purged, `total` the size in bytes.
        """
        self._now += 0.0 if self._clock is None else max(0.0, seconds - self._clock)
        self._clock = seconds
        self._look = used if self._look is None else min(used, self._look)
        if self._now // TICK_SECONDS != self._tick:
            self._tick = self._now // TICK_SECONDS
            self._forecast, self._look = self._ticked(self._look, total), None
        return self._forecast

    def _ticked(self, level: int, total: int) -> Forecast:
        margin = max((total - level) * _SHARE_OF_FREE, total * _SHARE_OF_TOTAL)
        self._lowest = level if self._lowest is None else min(level, self._lowest)
        self._peaks.put(self._now, level)
        unheard_of = [rise.is_unheard_of(self._now, level, margin) for rise in self._rises]
        self._follow(level, any(unheard_of) or level > self._explained(self._lowest, total) + margin)
        new = self._growth.full_after(self._now, total, margin) if self._growth else None
        ends = [end for end in (new, self._drift_ends(level, total)) if end is not None]
        return Forecast(max(0.0, min(ends)) if ends else None, not ends and len(self._peaks.values) <= _NEEDED_DAYS)

    def _explained(self, lowest: int, total: int) -> float:
        """Return the highest level that is no news."""
        old, drifts = self._peaks.values[:-1], self._drifts()
        if len(old) < _NEEDED_DAYS:
            return lowest + _LARGEST_TOOTH * total
        return max(old) + _DRIFT_DAYS * max(0, drifts[len(drifts) // 2])

    def _follow(self, level: int, shows: bool) -> None:
        """Note since when growth is new. In the valleys of teeth it does not show: it is over after a day."""
        if shows:
            self._growth = self._growth or _Growth(self._now, self._now)
            self._growth.shown = self._now
        elif self._growth and self._now - self._growth.shown > DAY:
            self._growth = None
        if self._growth:
            self._growth.put(self._now, level)

    def _drifts(self) -> list[int]:
        """Return how much each day's peak was above that of the day before, sorted; the present day is not over."""
        return sorted(new - old for old, new in pairwise(self._peaks.values[:-1]))

    def _drift_ends(self, level: int, total: int) -> float | None:
        """Return the seconds until the usual drift fills what is above the last peak; None when most days do not drift."""
        drifts = self._drifts()
        if not drifts or drifts[len(drifts) // 4] <= 0:
            return None
        return (total - max(level, *self._peaks.values[-2:])) / drifts[len(drifts) // 2] * DAY

    def _steps(self) -> list[_Steps]:
        return [self._peaks, *(steps for rise in self._rises for steps in (rise.lowest, rise.highest))]

    def as_list(self) -> list[Any]:
        """Return what is worth keeping over a restart, for JSON."""
        new = self._growth
        growth = [new.since, new.shown, new.doublings, new.tops] if new else None
        return [_VERSION, self._now, self._lowest, [steps.as_list() for steps in self._steps()], growth]

    def restore(self, row: Any) -> None:
        """Go on from what `as_list` returned. Raise OverflowError, TypeError or ValueError for anything else."""
        version, now, lowest, all_steps, growth = row
        if version != _VERSION or not 0 <= now < _END_OF_TIME:
            raise ValueError("not what this version keeps")
        self._now, self._lowest = float(now), None if lowest is None else int(lowest)
        for steps, kept in zip(self._steps(), all_steps, strict=True):
            steps.restore(kept)
        if growth is not None:
            since, shown, doublings, tops = growth
            if not 0 <= since <= shown <= now or doublings not in range(_MOST_STEPS):
                raise ValueError("growth does not begin in the future")
            self._growth = _Growth(since, shown, doublings, [int(top) for top in tops][:_MOST_STEPS])


def encoded(forecasters: Mapping[str, Forecaster]) -> bytes:
    """Return what forecasters learned, by mount point, as a file keeps it."""
    return json.dumps({mount: one.as_list() for mount, one in forecasters.items()}, separators=(",", ":")).encode()


def decoded(data: bytes) -> dict[str, Forecaster]:
    """Return the forecasters of `encoded`. What is damaged, or of another version, is left out: habits are learned anew."""
    try:
        said = json.loads(data)
    except (RecursionError, ValueError):
        return {}
    return dict(_restored(said)) if isinstance(said, dict) else {}


def _restored(said: Mapping[str, Any]) -> Iterator[tuple[str, Forecaster]]:
    for mount, row in said.items():
        with suppress(OverflowError, TypeError, ValueError):
            made = Forecaster()
            made.restore(row)
            yield mount, made

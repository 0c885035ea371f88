"""Levels of a filesystem at earlier times, in little memory: the highest level in each step, short steps for short lags. Pure.

A lag is a time difference that is compared again and again: the level now with the highest level at about that time ago. An
octave holds the lags from one length to its double, so the memory for lags from ten minutes to a day is some hundred numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR = 3600.0
DAY = 24 * HOUR
# How inexactly a habit may repeat, as a share of its period: the loose lags forgive what timers of databases vary, the tight
# ones see a runaway earlier where a load is exact.
_LOOSE, _TIGHT = 0.07, 0.02
_LOOSE_RATIO, _TIGHT_RATIO = 2 ** (1 / 12), 1.032
# A bit more than a day, so that a tooth of a day lies inside the longest lags.
_LONGEST = DAY * 1.02
_STEPS_OF_SHORTEST = 40
_LOOSE_OCTAVES, _TIGHT_OCTAVES = 7, 6
# Higher than any level: what was not seen explains nothing and surprises nobody.
UNKNOWN = 1 << 62


@dataclass
class Maxima:
    """The highest level in each of the last steps of time, newest last. A step that nobody looked at repeats the level before."""

    seconds: float
    length: int
    number: int = 0
    last: int = 0
    values: list[int] = field(default_factory=list)

    def put(self, now: float, level: int) -> bool:
        """Take a level in bytes; tell whether a new step has begun."""
        number = int(now // self.seconds)
        fresh = number > self.number or not self.values
        if fresh:
            missed = min(number - self.number - 1, self.length) if self.values else 0
            self.values += [self.last] * missed + [level]
            del self.values[: -self.length]
            self.number = number
        elif level > self.values[-1]:
            self.values[-1] = level
        self.last = level
        return fresh

    def as_dict(self) -> dict[str, Any]:
        """Return what changes, for JSON."""
        return {"number": self.number, "last": self.last, "values": self.values}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what `as_dict` returned. Raise KeyError, TypeError or ValueError for anything else."""
        self.number, self.last = int(data["number"]), int(data["last"])
        self.values = [int(value) for value in data["values"]][-self.length :]


class Octave:
    """Lags of one range that share their steps, and the highest level at each lag ago."""

    def __init__(self, step: float, shortest: float, longest: float, tolerance: float, ratio: float) -> None:
        self.lags = list(_geometric(shortest, longest, ratio))
        self._bands = [_band(lag, tolerance, step) for lag in self.lags]
        self.steps = Maxima(step, self._bands[-1][1] + 1)
        self.before = [UNKNOWN] * len(self.lags)
        self.recent = 0

    def put(self, now: float, level: int) -> None:
        """Take a level. `recent` is then the peak of the last two steps, `before` the peak of each band."""
        if self.steps.put(now, level):
            self.look_back()
        self.recent = max(self.steps.values[-2:])

    def look_back(self) -> None:
        """Find the highest level of each band again."""
        values, count = self.steps.values, len(self.steps.values)
        self.before = [max(values[-old - 1 : -new]) if count > old else UNKNOWN for new, old in self._bands]


def _geometric(shortest: float, longest: float, ratio: float) -> Iterator[float]:
    lag = shortest
    while lag < longest * 0.999:
        yield lag
        lag *= ratio


def _band(lag: float, tolerance: float, step: float) -> tuple[int, int]:
    """Return the newest and the oldest step that are compared, counted back from the present one."""
    return max(1, int(lag * (1 - tolerance) // step)), int(lag * (1 + tolerance) // step) + 1


def loose_octaves(tick: float) -> list[Octave]:
    """Return the lags from 40 ticks (10 minutes) to a day."""
    made = []
    for number in range(_LOOSE_OCTAVES):
        step = tick * 2**number
        shortest = step * _STEPS_OF_SHORTEST
        longest = _LONGEST if number == _LOOSE_OCTAVES - 1 else 2 * shortest
        made.append(Octave(step, shortest, longest, _LOOSE, _LOOSE_RATIO))
    return made


def tight_octaves(tick: float) -> list[Octave]:
    """Return the lags from 20 minutes to a day: a multiple of every shorter period lies in each of them, sharp."""
    made = []
    for number in range(_TIGHT_OCTAVES):
        step, shortest = tick * 2**number, 2**number * 2 * tick * _STEPS_OF_SHORTEST
        longest = _LONGEST if number == _TIGHT_OCTAVES - 1 else 2 * shortest
        made.append(Octave(step, shortest, longest, _TIGHT, _TIGHT_RATIO))
    return made

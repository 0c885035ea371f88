"""Loads of a filesystem as they are simulated: teeth, noise, drift, and runaways on top. Levels as shares of the filesystem."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from nodeops.disk.policy.forecast import Forecaster, decoded, encoded

TOTAL = 100 << 30
HOUR, DAY = 3600.0, 86400.0
WATCH_SECONDS = DAY


@dataclass(frozen=True)
class Load:
    """A tooth of `amplitude` above `base` that rises for `rise` of its `period`, and what makes it inexact.

    `drift_days` is the time in which the drift alone would fill the disk. `jitter` is how much a period varies (deviation),
    `fading` how much smaller than `amplitude` a tooth may be.
    """

    period: float
    rise: float
    amplitude: float = 0.2
    base: float = 0.3
    noise: float = 0.003
    drift_days: float = 40.0
    jitter: float = 0.0
    fading: float = 0.0
    phase: float = 0.0
    seed: int = 1

    def levels(self, step: float) -> Iterator[tuple[float, float]]:
        """Yield seconds and levels for ever, every `step` seconds."""
        chance = Random(self.seed)
        part, height, length, now = self.phase % 1, 1.0, self.period, 0.0
        drift = self.drifted(1.0)
        while True:
            yield now, self.base + self.amplitude * height * self._tooth(part) + drift * now + chance.gauss(0, self.noise)
            now, part = now + step, part + step / length
            if part >= 1:
                part, height = part % 1, 1 - self.fading * chance.random()
                length = self.period * min(3.0, max(0.3, 1 + chance.gauss(0, self.jitter)))

    def drifted(self, seconds: float) -> float:
        """Return by how much the drift alone raises the level in a time."""
        return (1 - self.base - self.amplitude) / (self.drift_days * DAY) * seconds

    def _tooth(self, part: float) -> float:
        return part / self.rise if part < self.rise else (1 - part) / (1 - self.rise)


def look_seconds(period: float) -> float:
    """Return how often a simulation looks at teeth of a period: a tenth of the shortest, and days in seconds of computing."""
    return 60.0 if period < 2 * HOUR else 300.0


def _is_watch(made: Forecaster, now: float, level: float) -> bool:
    seconds = made.observe(now, int(min(1.0, level) * TOTAL), TOTAL).seconds
    return seconds is not None and seconds < WATCH_SECONDS


def false_watches(load: Load, days: float, step: float) -> dict[int, int]:
    """Return on which days, and at how many looks, a watch would be raised by forecast."""
    made, found = Forecaster(), dict[int, int]()
    for now, level in _until(load.levels(step), days * DAY):
        if _is_watch(made, now, level):
            found[int(now // DAY)] = found.get(int(now // DAY), 0) + 1
    return found


def history(load: Load, days: float, step: float) -> bytes:
    """Return what a forecaster remembers of so many days."""
    made = Forecaster()
    for now, level in _until(load.levels(step), days * DAY):
        _is_watch(made, now, level)
    return encoded({"/": made})


def share_left(load: Load, days: float, remembered: bytes, full_after: float) -> float:
    """Return which share of a runaway's time is left when a watch is raised; 0 for never.

    The load goes on below the runaway, which begins after the remembered days and fills the disk after `full_after` seconds.
    """
    made, begin, chance = decoded(remembered)["/"], days * DAY, Random(load.seed)
    going_on = replace(load, noise=0.0, phase=load.phase + begin / load.period, base=load.base + load.drifted(begin))
    step = 15.0 if full_after < 2 * HOUR else 60.0
    ordinary = dict(_until(going_on.levels(step), full_after))
    room = 1 - ordinary[max(ordinary)]
    full = next((now for now in ordinary if ordinary[now] + room * now / full_after >= 1), full_after)
    for now, level in ordinary.items():
        if now < full and _is_watch(made, begin + now, level + room * now / full_after + chance.gauss(0, load.noise)):
            return 1 - now / full
    return 0.0


def _until(levels: Iterator[tuple[float, float]], seconds: float) -> Iterator[tuple[float, float]]:
    for now, level in levels:
        if now > seconds:
            return
        yield now, level

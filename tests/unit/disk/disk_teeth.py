"""Loads of a filesystem as they are simulated: teeth, noise, drift, and runaways on top. Levels as shares of the filesystem."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from nodeops.disk.forecast import Forecaster, restored

TOTAL = 100 << 30
HOUR, DAY = 3600.0, 86400.0
WATCH_SECONDS = DAY
RUNAWAYS: dict[str, Callable[[float], float]] = {
    "constant": lambda part: part,
    "trebling": lambda part: (part + part * part) / 2,
    "square": lambda part: part * part,
}


@dataclass(frozen=True)
class Load:
    """A tooth of `amplitude` above `base` that rises for `rise` of its `period`, and what makes it inexact.

    `drift_days` is the time in which the drift alone would fill the disk. `jitter` is how much a period varies (deviation),
    `fading` how much smaller than `amplitude` a tooth may be; `second` is the period of another tooth, both then half as high.
    """

    period: float
    rise: float
    amplitude: float = 0.2
    base: float = 0.3
    noise: float = 0.003
    drift_days: float = 40.0
    jitter: float = 0.0
    fading: float = 0.0
    second: float = 0.0
    phase: float = 0.0
    seed: int = 1

    def levels(self, step: float) -> Iterator[tuple[float, float]]:
        """Yield seconds and levels for ever, every `step` seconds."""
        chance = Random(self.seed)
        part, height, length, now = self.phase % 1, 1.0, self.period, 0.0
        drift = (1 - self.base - self.amplitude) / (self.drift_days * DAY)
        share = 0.5 if self.second else 1.0
        while True:
            tooth = height * share * _tooth(part, self.rise)
            other = (1 - share) * _tooth(now / self.second % 1, self.rise) if self.second else 0.0
            level = self.base + self.amplitude * (tooth + other) + drift * now + chance.gauss(0, self.noise)
            yield now, level
            now, part = now + step, part + step / length
            if part >= 1:
                part, height = part % 1, 1 - self.fading * chance.random()
                length = self.period * min(3.0, max(0.3, 1 + chance.gauss(0, self.jitter)))


def _tooth(part: float, rise: float) -> float:
    return part / rise if part < rise else (1 - part) / (1 - rise)


def false_watches(load: Load, days: int, step: float) -> dict[int, int]:
    """Return on which days, and how often, a watch would be raised by forecast."""
    made, found = Forecaster(), dict[int, int]()
    for now, level in load.levels(step):
        if now >= days * DAY:
            return found
        made.observe(now, int(min(1.0, level) * TOTAL), TOTAL)
        seconds = made.forecast().seconds
        if seconds is not None and seconds < WATCH_SECONDS:
            found[int(now // DAY)] = found.get(int(now // DAY), 0) + 1
    return found


def history(load: Load, days: float, step: float) -> str:
    """Return what a forecaster remembers of so many days, as JSON."""
    made = Forecaster()
    for now, level in load.levels(step):
        if now >= days * DAY:
            break
        made.observe(now, int(level * TOTAL), TOTAL)
    return json.dumps(made.as_dict())


def share_left(load: Load, days: float, remembered: str, kind: str, full_after: float, step: float) -> float:
    """Return which share of the time from a runaway's beginning to the full disk is left when a watch is raised; 0 for never.

    The load goes on below the runaway, which begins after the remembered days and fills the disk after `full_after` seconds.
    """
    made, begin = restored(json.loads(remembered)), days * DAY
    going_on = replace(load, noise=0.0, phase=load.phase + begin / load.period, base=load.base, seed=load.seed + 1)
    drift = (1 - load.base - load.amplitude) / (load.drift_days * DAY) * begin
    ordinary = {now: level + drift for now, level in _until(going_on.levels(step), full_after)}
    room = 1 - ordinary[max(ordinary)]
    chance = Random(load.seed)
    full = next((now for now in ordinary if ordinary[now] + room * RUNAWAYS[kind](now / full_after) >= 1), full_after)
    for now, level in ordinary.items():
        if now >= full:
            break
        used = level + room * RUNAWAYS[kind](now / full_after) + chance.gauss(0, load.noise)
        made.observe(begin + now, int(min(1.0, used) * TOTAL), TOTAL)
        seconds = made.forecast().seconds
        if seconds is not None and seconds < WATCH_SECONDS:
            return 1 - now / full
    return 0.0


def _until(levels: Iterator[tuple[float, float]], seconds: float) -> Iterator[tuple[float, float]]:
    for now, level in levels:
        if now > seconds:
            return
        yield now, level

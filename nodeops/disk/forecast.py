"""When a filesystem will be full, and how certain that is. Pure.

What is watched is used space less what the policy may purge (live log, sealed segments that are neither held nor to be kept,
ballast): then our own purges make no sawtooth, and full means that nothing is left to purge. Growth counts when habits.py
cannot explain it; from its beginning on its slope is measured (slopes.py) in the shortest of three windows that reaches back so
far: 2 minutes in steps of 1 s, 30 minutes in steps of 15 s, 6 hours in steps of 180 s. A forecast reaches 24 times as far as
what was measured, no further. Growth that went on for days is measured from the hourly peaks of one day to those of the next.

The caller gives seconds of a clock that nobody sets (seconds since boot). A clock that goes back, after a reboot, goes on
from where it was: the time between is not known. A gap is taken for a time in which nothing changed.

Simulated (a watch is a forecast of less than 24 hours; noise 0.3 % of the filesystem, a drift that needs 40 days):

- teeth of exact periods, 10 minutes to 24 hours, three shapes, 5 and 20 % high, 30 days each: no false watch; teeth of 7 to
  24 hours whose periods vary by a tenth, 40 loads: none;
- runaways of constant speed that fill the disk in 1, 6 or 24 hours, on teeth 20 % high that they begin to ride at four moments:
  in 249 of 252 cases 80 % or more of the time was left when they were seen, 91 % in the middle, 75 % at worst; no teeth: 93 %;
- runaways whose speed trebles on the way: 87 % in the middle, less than 80 % in one of seven cases, 58 % at worst; without teeth
  89 %. Those that grow with the square of time use 4 % of the room in their first fifth, hardly more than the highest noise that
  was learned and what counts as certain: 71 % in the middle, 48 % at worst, 76 % without teeth.

Not met: growth that begins while a steep tooth falls shows only when the fall is over: of an hour to full, 69 % were left once.
And periods that vary by 4 % are taken for exact at times: a false watch on one of 30 days in 4 of 16 loads.
What that can cause is small: alone, a forecast leads no further than stage `low`. In its first two days a filesystem has no
habits: only what infancy.py is nearly sure of is forecast. A load that begins to come and go later is new for a day or two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import Any, Literal

from nodeops.disk.habits import RANGES, TICK_SECONDS, Habits, Judgement
from nodeops.disk.infancy import Infancy
from nodeops.disk.lags import DAY
from nodeops.disk.slopes import End, Point, end
from nodeops.disk.windows import EARLY, Spell, Window, reaching

Confidence = Literal["high", "low", "learning"]
# Name, step in seconds, steps.
_WINDOWS = (("2 min", 1.0, 120), ("30 min", TICK_SECONDS, 120), ("6 h", 180.0, 120))
_HALF_HOUR = 1
_DAYS = "days"
_VERSION = 2
_NOTHING = Judgement(False, False, (None,) * (RANGES + 1))
# A forecast reaches so many times as far as the growth was measured, and as the time since it is new for certain.
_REACH, _REACH_OF_NEW = 24.0, 48.0
_TICKS_OF_NEW = 2
# Single ticks of noise are cut off.
_SMOOTHED_TICKS = 3
_FEWEST_DRIFTS = 48
# Later than this nobody needs to know.
_HORIZON_SECONDS = 5 * 365 * DAY
_UNITS = (("d", DAY), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


@dataclass(frozen=True)
class Forecast:
    """When a filesystem is full: seconds from now, None when it is not filling.

    `low` and `high` enclose it with 90 % probability; `high` None when it may never be full. `window` says how long the growth
    was measured. `confidence` is "learning" while too little was seen to say anything, "low" while the interval is wide.
    """

    seconds: float | None
    low: float | None = None
    high: float | None = None
    window: str = ""
    confidence: Confidence = "high"


def spoken(forecast: Forecast) -> str:
    """Return a forecast in words: "full in 3 d 4 h ± 5 h", "not filling", "too early to say"."""
    if forecast.seconds is None:
        return "too early to say" if forecast.confidence == "learning" else "not filling"
    text = f"full in {duration(forecast.seconds)}"
    if forecast.low is None or forecast.high is None or forecast.high - forecast.low > 2 * forecast.seconds:
        return f"{text}, perhaps later" if forecast.low is None else f"{text}, {duration(forecast.low)} at the soonest"
    return f"{text} ± {duration((forecast.high - forecast.low) / 2)}"


def duration(seconds: float) -> str:
    """Return a time in its largest unit and the next: "3 d 4 h", "5 min", "12 s"."""
    name, length = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    whole, rest = divmod(max(0.0, seconds), length)
    after = dict(pairwise(_UNITS)).get((name, length))
    more = f" {rest // after[1]:.0f} {after[0]}" if after and rest >= after[1] else ""
    return f"{whole:.0f} {name}{more}"


class Forecaster:
    """What is remembered of one filesystem to say when it will be full."""

    def __init__(self) -> None:
        self._habits, self._infancy = Habits(), Infancy()
        self._windows = [Window(*row) for row in _WINDOWS]
        self._now, self._offset, self._level, self._total = float("-inf"), 0.0, 0, 0
        self._ticked = self._sampled = float("-inf")
        self._samples: list[int] = []
        self._ticks: list[int] = []
        self._judgement: Judgement | None = None
        self._new_ticks = 0
        self._new_since: float | None = None
        # Since when the level is above each explanation.
        self._above = [Spell() for _ in range(RANGES + 1)]

    def observe(self, seconds: float, used: int, total: int) -> None:
        """Take a look at a filesystem: bytes that are used and cannot be purged, and its size. Any pace will do."""
        now = self._clock(seconds)
        self._level, self._total = used, total
        if now >= self._sampled + EARLY:
            self._sampled = now
            self._samples.append(used)
        if now >= self._ticked + EARLY * TICK_SECONDS:
            self._tick(now)
        values = [*map(self._excess, range(RANGES)), used]
        for window in self._windows:
            window.put(now, values)

    def _clock(self, seconds: float) -> float:
        self._offset = max(self._offset, self._now - seconds)
        self._now = seconds + self._offset
        return self._now

    def _tick(self, now: float) -> None:
        self._ticked = now
        self._ticks = [*self._ticks, median_low(self._samples or [self._level])][-_SMOOTHED_TICKS:]
        self._samples = []
        level = median_low(self._ticks)
        self._habits.put(now, level)
        self._judgement = self._habits.judgement(level, self._total)
        if not self._habits.known:
            self._infancy.put(now, level)
            excess = self._infancy.excess(now, level, self._total)
            self._judgement = None if excess is None else Judgement(True, False, (*[None] * RANGES, excess))
        self._follow(now, self._judgement or _NOTHING)

    def _follow(self, now: float, found: Judgement) -> None:
        """Note since when growth is new, and since when the level is above each explanation: in valleys of teeth it is not."""
        for spell, excess, lag in zip(self._above, found.excess, found.lags, strict=True):
            spell.put(now, excess is not None and excess > 0, lag)
        self._new_ticks = self._new_ticks + 1 if found.new else 0
        if found.new and self._new_since is None:
            self._new_since = now
        elif not found.new and all(spell.since == now for spell in self._above):
            self._new_since = None

    def _excess(self, kind: int) -> int | None:
        """Return what is above an explanation now: the judgement is from the last tick."""
        found = self._judgement.excess[kind] if self._judgement is not None else None
        return None if found is None else found + self._level - self._ticks[-1]

    def forecast(self) -> Forecast:
        """Return when the filesystem will be full, if it goes on like this. Costs up to a millisecond while it fills."""
        if self._judgement is None and not self._habits.known:
            return Forecast(None, confidence="learning")
        found = min(self._sudden(), key=lambda pair: pair[0].seconds, default=None) if self._is_new() else self._slow()
        if found is None or found[0].seconds > _HORIZON_SECONDS:
            return Forecast(None)
        ends, window = found
        high = ends.latest if ends.latest < _HORIZON_SECONDS else None
        narrow = high is not None and high - ends.soonest <= ends.seconds and self._habits.known
        return Forecast(ends.seconds, ends.soonest, high, window, "high" if narrow else "low")

    def _is_new(self) -> bool:
        return self._new_ticks >= _TICKS_OF_NEW

    def _sudden(self) -> Iterator[tuple[End, str]]:
        """Yield what each explanation that is exceeded leads to. Where a load repeats itself, its level alone says nothing."""
        found = self._judgement or _NOTHING
        *lags, level = found.excess
        above = [kind for kind, excess in enumerate(lags) if excess is not None and excess > 0]
        if lags[-2:] == [None, None] and level is not None and level > 0:
            above.append(RANGES)
        for kind in above:
            yield from self._measured(kind)
        if found.quick and all(excess is None for excess in lags):
            window = self._windows[_HALF_HOUR]
            yield from self._ending(window.levels(), window.name)

    def _measured(self, kind: int) -> Iterator[tuple[End, str]]:
        since = self._above[kind].since
        window = reaching(self._windows, since)
        yield from self._ending(window.peaks(since, kind), window.name)

    def _ending(self, points: list[Point], window: str) -> Iterator[tuple[End, str]]:
        found = end(points, max(0, self._total - self._level))
        if found is None:
            return
        new = 0.0 if self._new_since is None else self._now - self._new_since
        reach = min(_REACH * (points[-1][0] - points[0][0]), _REACH_OF_NEW * new)
        if found.seconds <= reach:
            yield found, window

    def _slow(self) -> tuple[End, str] | None:
        """Return where the drift of the last days leads: the peaks of each hour against those of a day before."""
        drifts = self._habits.drifts()
        if len(drifts) < _FEWEST_DRIFTS:
            return None
        low, middle, high = (drifts[len(drifts) * quarter // 4] for quarter in (1, 2, 3))
        if low <= 0:
            return None
        room = DAY * max(0, self._total - max(self._level, *self._habits.peaks.values[-24:]))
        return End(room / middle, room / high, room / low), _DAYS

    def take_over(self, data: Any) -> None:
        """Go on from what `as_dict` returned. Raise KeyError, TypeError, ValueError or the like for anything else."""
        if data["version"] != _VERSION:
            raise ValueError("another version wrote this")
        self._habits.restore(data["habits"])
        self._infancy.restore(data["infancy"])
        self._now = float("-inf") if data["now"] is None else float(data["now"])

    def as_dict(self) -> dict[str, Any]:
        """Return what is worth keeping over a restart, for JSON: some 9000 numbers. Windows fill again by themselves."""
        kept = {"habits": self._habits.as_dict(), "infancy": self._infancy.as_dict()}
        return {"version": _VERSION, "now": None if self._now == float("-inf") else self._now, **kept}


def restored(data: object) -> Forecaster:
    """Return a forecaster that goes on from what `as_dict` returned, and one that begins anew from anything else."""
    made = Forecaster()
    try:
        made.take_over(data)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return Forecaster()
    return made

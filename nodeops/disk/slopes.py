"""How fast something grows, in spite of noise, and when it is at an end if it goes on like that. Pure.

A slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968): up to 29 % of the points may be wrong
and it still holds. Its interval follows from Kendall's statistic, as in Sen's paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, sqrt

Point = tuple[float, float]
# 780 pairs at most: 0.3 ms.
MOST_POINTS = 40
FEWEST_POINTS = 6
# Both halves need points enough for an interval of their own.
_FEWEST_FOR_HALVES = 12
# Two-sided 90 %.
_NORMAL_QUANTILE = 1.645
# Acceleration is believed up to the point where it makes the end come four times sooner.
_SOONEST = 4.0


@dataclass(frozen=True)
class Slope:
    """A slope a second, with the interval in which it lies with 90 % probability when errors are independent."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True)
class End:
    """Seconds until something is at its end: as it is expected, at the soonest and at the latest (infinite: perhaps never)."""

    seconds: float
    soonest: float
    latest: float


def slope(points: Sequence[Point]) -> Slope | None:
    """Return the slope of (seconds, value) points, of at most 40 of them; None when no two differ in time."""
    points = thinned(points)
    pairs = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0])
    if not pairs:
        return None
    count, middle = len(points), len(pairs) / 2
    half = _NORMAL_QUANTILE * sqrt(count * (count - 1) * (2 * count + 5) / 18) / 2
    low, high = max(0, int(middle - half)), min(len(pairs) - 1, int(middle + half) + 1)
    return Slope(pairs[int(middle)], pairs[low], pairs[high])


def thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Return at most 40 points, evenly chosen, the last one among them."""
    if len(points) <= MOST_POINTS:
        return points
    stride = len(points) / MOST_POINTS
    return [*(points[int(number * stride)] for number in range(MOST_POINTS - 1)), points[-1]]


def end(points: Sequence[Point], room: float) -> End | None:
    """Return when `room` is used up by the growth that (seconds, value) points show; None when it is not certain that they grow.

    Growth that becomes faster is seen where the second half of the points is faster for certain than the first.
    """
    found = slope(points) if len(points) >= FEWEST_POINTS else None
    if found is None or found.low <= 0:
        return None
    steady = room / found.middle
    seconds = max(_accelerated(points, room), steady / _SOONEST)
    return End(min(seconds, steady), min(seconds, room / found.high), steady if seconds < steady else room / found.low)


def _accelerated(points: Sequence[Point], room: float) -> float:
    """Return the seconds until `room` is used up by growth that goes on becoming faster; infinite when it does not."""
    if len(points) < _FEWEST_FOR_HALVES:
        return inf
    middle = len(points) // 2
    first, second = slope(points[:middle]), slope(points[middle:])
    if first is None or second is None or first.middle < 0 or second.low <= first.high:
        return inf
    half = (points[-1][0] - points[0][0]) / 2
    gain = (second.middle - first.middle) / half
    speed = second.middle + gain * half / 2
    return (sqrt(speed * speed + 2 * gain * room) - speed) / gain

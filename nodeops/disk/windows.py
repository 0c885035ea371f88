"""The last levels of a filesystem in steps of one length, and since when they grow. Levels in bytes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from nodeops.disk.slopes import FEWEST_POINTS, Point

# A caller that comes every second comes a little early at times.
EARLY = 0.999


@dataclass
class Spell:
    """The last moment at which something did not hold, breaks that are forgiven left out."""

    since: float = float("inf")
    _last: float = float("-inf")

    def put(self, now: float, holds: bool, forgiven: float) -> None:
        """Tell whether it holds now, and how many seconds a break may last."""
        if holds:
            self.since, self._last = min(self.since, now), now
        elif now - self._last > forgiven:
            self.since = now


class Window:
    """Rows of seconds, and the bytes above each explanation (None where there is none), the level itself last."""

    def __init__(self, name: str, step: float, length: int) -> None:
        self.name, self._step, self._length = name, step, length
        self._rows: list[tuple[float, Sequence[int | None]]] = []

    def put(self, now: float, values: Sequence[int | None]) -> None:
        """Take a row when a step has passed since the last one."""
        if not self._rows or now >= self._rows[-1][0] + EARLY * self._step:
            self._rows.append((now, values))
            del self._rows[: -self._length]

    def reaches(self, since: float) -> bool:
        """Tell whether the window reaches back to a moment."""
        return len(self._rows) >= FEWEST_POINTS and self._rows[0][0] <= since

    def peaks(self, since: float, kind: int) -> list[Point]:
        """Return the highest value so far at each row since a moment: the way down of a tooth is no end of growth."""
        points: list[Point] = []
        top = float("-inf")
        for moment, values in self._rows:
            value = values[kind]
            if moment >= since and value is not None:
                top = max(top, value)
                points.append((moment, top))
        return points

    def levels(self) -> list[Point]:
        """Return all levels."""
        return [(moment, level) for moment, values in self._rows if (level := values[-1]) is not None]


def reaching(windows: Sequence[Window], since: float) -> Window:
    """Return the first window that reaches back to a moment, or else the last one."""
    return next((window for window in windows if window.reaches(since)), windows[-1])

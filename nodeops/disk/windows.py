"""The last levels of a filesystem in steps of one length, and since when they grow. Levels in bytes. Pure."""

from collections.abc import Sequence

from nodeops.disk.slopes import FEWEST_POINTS, Point

LEVEL = 2
# A caller that comes every second comes a little early at times.
EARLY = 0.999


class Window:
    """Rows of seconds, level, and the bytes above the best long and the best short lag (None where there is none)."""

    def __init__(self, name: str, step: float, length: int) -> None:
        self.name, self._step, self._length = name, step, length
        self._rows: list[tuple[float, int, int | None, int | None]] = []

    def put(self, now: float, level: int, long: int | None, short: int | None) -> None:
        """Take a row when a step has passed since the last one."""
        if not self._rows or now >= self._rows[-1][0] + EARLY * self._step:
            self._rows.append((now, level, long, short))
            del self._rows[: -self._length]

    def reaches(self, since: float) -> bool:
        """Tell whether the window reaches back to a moment."""
        return len(self._rows) >= FEWEST_POINTS and self._rows[0][0] <= since

    def peaks(self, since: float, kind: int) -> list[Point]:
        """Return the highest value so far at each row since a moment: the way down of a tooth is no end of growth.

        `kind` is 0 for what is above the best long lag, 1 above the best short lag, LEVEL for the level itself.
        """
        points: list[Point] = []
        top = float("-inf")
        for row in self._rows:
            value = (row[2], row[3], row[1])[kind]
            if row[0] >= since and value is not None:
                top = max(top, value)
                points.append((row[0], top))
        return points

    def levels(self) -> list[Point]:
        """Return all levels."""
        return [(row[0], row[1]) for row in self._rows]


def reaching(windows: Sequence[Window], since: float) -> Window:
    """Return the first window that reaches back to a moment, or else the last one."""
    return next((window for window in windows if window.reaches(since)), windows[-1])

"""The first two days of a filesystem, while nothing is old enough to be a habit. Levels in bytes. Pure.

A tooth of a day and a runaway look the same then. Two things are no tooth for certain, or nearly: a rise by more than a
quarter of the filesystem (teeth of a fifth are the largest that are expected), and a rise after hours in which hardly anything
moved. Only these are taken for growth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# When the bins are full, neighbours are joined: two days become 48 to 64 bins of 32 or 64 minutes.
_BINS = 64
_FIRST_BIN_SECONDS = 60.0
_FEWEST_SECONDS = 2 * 3600.0
# The last third of the time explains nothing.
_EXPLAINING_SHARE = 2 / 3
_LARGEST_TOOTH = 0.25
# So many times all that moved before is a rise out of calm.
_OUT_OF_CALM = 10.0
_SHARE_OF_FREE, _SHARE_OF_TOTAL = 1 / 60, 1 / 300


@dataclass
class Infancy:
    """What was seen so far: the lowest and the highest level of each bin of time, and from where growth is counted."""

    began: float | None = None
    width: float = _FIRST_BIN_SECONDS
    bins: list[list[int]] = field(default_factory=list)
    calm: int | None = None

    def put(self, now: float, level: int) -> None:
        """Take the level of a tick. `now` in seconds never goes back."""
        if self.began is None:
            self.began = now
        while (now - self.began) / self.width >= _BINS:
            self.bins = [_joined(self.bins[at : at + 2]) for at in range(0, len(self.bins), 2)]
            self.width *= 2
        number = int((now - self.began) / self.width)
        while len(self.bins) <= number:
            self.bins.append([level, level])
        low, high = self.bins[number]
        self.bins[number] = [min(low, level), max(high, level)]

    def excess(self, now: float, level: int, total: int) -> int | None:
        """Return the bytes by which the level has grown anew; None when there is no growth that is new for certain."""
        if self.began is None or now - self.began < _FEWEST_SECONDS:
            return None
        lowest = min(low for low, _ in self.bins)
        margin = max((total - level) * _SHARE_OF_FREE, total * _SHARE_OF_TOTAL)
        if self.calm is not None and level > self.calm + margin:
            return level - self.calm
        old = self.bins[: max(1, int(len(self.bins) * _EXPLAINING_SHARE))]
        highest, moved = max(high for _, high in old), max(high for _, high in old) - min(low for low, _ in old)
        # Remembered as long as the level stays above it: soon the growth itself would be among what moved before.
        self.calm = highest if level > highest + _OUT_OF_CALM * moved + margin else None
        if self.calm is not None:
            return level - self.calm
        return level - lowest if level - lowest > _LARGEST_TOOTH * total else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {"began": self.began, "width": self.width, "bins": self.bins, "calm": self.calm}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what `as_dict` returned. Raise KeyError, TypeError or ValueError for anything else."""
        began, calm = data["began"], data["calm"]
        self.began, self.calm = None if began is None else float(began), None if calm is None else int(calm)
        self.width, self.bins = float(data["width"]), [[int(low), int(high)] for low, high in data["bins"]]


def _joined(pair: list[list[int]]) -> list[int]:
    return [min(low for low, _ in pair), max(high for _, high in pair)]

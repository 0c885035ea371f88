"""What the use of a filesystem did before, so that a sawtooth of others raises no alarm. Levels in bytes. Pure.

A database that compacts, a backup that comes and goes: each makes a sawtooth. It is remembered in two forms.

- The envelope: hourly peaks of a week. A level that was reached before the last 24 hours is explained by it.
- Lags: for some 220 times from 10 minutes to a day, how far the level ever rose above what it was that time before. At a
  lag near the period of a tooth, or a multiple of it, this is nearly nothing, whatever the shape of the tooth. Such a
  *quiet* lag shows growth that is new from the growth that comes every day, long before it leaves the envelope.

The last 24 hours explain nothing, or a runaway of a day would soon be a habit. So a load that begins to come and go is new
for a day or two, and what once ran away explains the same again for a week.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from operator import add
from typing import Any

from nodeops.disk.lags import DAY, HOUR, UNKNOWN, Maxima, loose_octaves, tight_octaves

TICK_SECONDS = 15.0
_WEEK_HOURS = 168
_NEW_HOURS = 24
_BUCKET_SECONDS = 12 * HOUR
# With the present bucket and those of the last 24 hours left out, a week, of which two days must have been seen.
_NEW_BUCKETS, _LEARNED_BUCKETS, _NEEDED_BUCKETS = 3, 12, 4
# A lag is quiet when the level never rose above it by more than this share of the whole range of levels, less where it was
# compared less often than so many times, and never where it was compared hardly at all: few may be alike by chance.
_QUIET, _COMPARED, _FEWEST_COMPARED = 0.12, 8, 4
# Of the quiet lags those count that are on average nearly as close to the level as the best: the others notice less.
_NEAR_BEST = 1.5
# So many times the highest rise that was learned is a surprise: over a time in a load that repeats nothing, and at a quiet lag
# by so much more than once, divided by the root of how often it was compared.
_SURPRISE_ANYWHERE, _SURPRISE = 2.5, 1.5
# ... and above it by this share of what is free, or of the filesystem, whichever is more: noise is no surprise.
_SHARE_OF_FREE, _SHARE_OF_TOTAL = 1 / 60, 1 / 300
# Peaks that differ from hour to hour may differ more tomorrow: by this share of their range.
_SHARE_OF_PEAKS = 0.25
# A drift is expected to go on, and may be half as fast again.
_DRIFT = 1.5
# A drift that is not known yet: full in 30 days.
_UNKNOWN_DRIFT_DAYS = 30
# Each range of lags is looked at by itself: a short lag shows what is fast soon, and of what is slow too little, for growth
# that goes on for longer than a lag is in its past too. Bounds in seconds, a bit below 80 minutes, 5.3 and 10.7 hours, where
# octaves begin.
_RANGES = (0.0, 4790.0, 19190.0, 38390.0, 2 * DAY)
RANGES = len(_RANGES) - 1
# A rise within so short a lag shows in the window of half an hour.
_QUICK_SECONDS = 1300.0


@dataclass(frozen=True)
class Judgement:
    """What habits say of the present level.

    `new` tells that growth is new for certain, `quick` that a rise of the last minutes is. `excess` are the bytes above what
    the best lag of each range, the shortest range first, and at last the envelope explain; None where there is no such lag.
    `lags` are the seconds of these lags: what grows on top of teeth may hide in their valleys for so long.
    """

    new: bool
    quick: bool
    excess: tuple[int | None, ...]
    lags: tuple[float, ...] = (0.0,) * (RANGES + 1)


@dataclass
class _Bucket:
    """Half a day of rises: the highest of each lag, and their sums over all ticks."""

    number: int
    ticks: int
    highest: list[int]
    sums: list[int]

    def add(self, rises: Sequence[int]) -> None:
        self.ticks += 1
        self.highest = list(map(max, self.highest, rises))
        self.sums = list(map(add, self.sums, rises))


@dataclass(frozen=True)
class _Learned:
    """What the rises over a lag were, in bytes.

    `rise` is the highest, 0 where the level always fell, `gap` how far below that the level was on average. The lag is quiet
    when `rise` is at most the share `quiet` of the range of all levels; `surprise` times `rise` is a surprise then.
    """

    rise: int
    gap: int
    quiet: float
    surprise: float


class Habits:
    """What is remembered of one filesystem: about 9000 numbers."""

    def __init__(self) -> None:
        loose, tight = loose_octaves(TICK_SECONDS), tight_octaves(TICK_SECONDS)
        self._octaves = [*loose, *tight]
        self._lags = [lag for octave in self._octaves for lag in octave.lags]
        self._loose = sum(len(octave.lags) for octave in loose)
        self._groups = [
            [index for index in range(self._loose, len(self._lags)) if low <= self._lags[index] < high]
            for low, high in pairwise(_RANGES)
        ]
        self.peaks = Maxima(HOUR, _WEEK_HOURS + _NEW_HOURS + 1)
        # Kept with the sign turned: the highest of these is the lowest level.
        self._depths = Maxima(HOUR, _WEEK_HOURS + _NEW_HOURS + 1)
        self._buckets: list[_Bucket] = []
        self._rises: list[int] = []
        self._learn(0)

    def put(self, now: float, level: int) -> None:
        """Take the level of a tick. `now` in seconds never goes back."""
        for octave in self._octaves:
            octave.put(now, level)
        self.peaks.put(now, level)
        self._depths.put(now, -level)
        self._rises = [octave.recent - before for octave in self._octaves for before in octave.before]
        number = int(now // _BUCKET_SECONDS)
        if self._buckets and self._buckets[-1].number == number:
            self._buckets[-1].add(self._rises)
        else:
            self._buckets.append(_Bucket(number, 1, self._rises, self._rises))
            self._learn(number)

    def _learn(self, number: int) -> None:
        """Look again at what is old enough to be a habit."""
        self._buckets = [one for one in self._buckets if one.number > number - _NEW_BUCKETS - _LEARNED_BUCKETS]
        old = [one for one in self._buckets if one.number <= number - _NEW_BUCKETS]
        columns = range(len(self._lags)) if len(old) >= _NEEDED_BUCKETS else ()
        self._learned = {index: found for index in columns if (found := _learned(old, index, self._lags[index])) is not None}

    @property
    def known(self) -> bool:
        """Tell whether at least a day of levels is old enough to explain anything."""
        return len(self.peaks.values) >= 2 * _NEW_HOURS

    def drifts(self) -> list[int]:
        """Return how much each hour's peak differs from that of the same hour a day before, sorted, in bytes."""
        values = self.peaks.values
        return sorted(new - old for old, new in zip(values, values[_NEW_HOURS:], strict=False))

    def judgement(self, level: int, total: int) -> Judgement | None:
        """Judge the level of the last tick; None while too little is known."""
        if not self.known:
            return None
        free = max(0, total - level)
        margin = max(free * _SHARE_OF_FREE, total * _SHARE_OF_TOTAL)
        old = self.peaks.values[:-_NEW_HOURS]
        envelope = max(old) + self._expected_drift(free)
        quiet = [self._quiet(group, envelope) for group in self._groups]
        outgrown = level > envelope + margin + _SHARE_OF_PEAKS * (max(old) - min(old))
        quick = self._first_unheard_of(margin)
        surprised = any(group and self._all_surprised(group, margin) for group in quiet)
        excess = (*map(self._excess, quiet), self._octaves[-1].recent - envelope)
        lags = (*(self._lags[group[0]] if group else 0.0 for group in quiet), 0.0)
        new = outgrown or surprised or quick is not None
        return Judgement(new, quick is not None and quick <= _QUICK_SECONDS, excess, lags)

    def _expected_drift(self, free: int) -> int:
        drifts = self.drifts()
        usual = drifts[len(drifts) // 2] if len(drifts) >= 2 * _NEW_HOURS else free // _UNKNOWN_DRIFT_DAYS
        return int(_DRIFT * max(0, usual))

    def _quiet(self, group: Sequence[int], envelope: int) -> list[int]:
        """Return the best quiet lags of a group, the best first."""
        range_of_levels = envelope + max(self._depths.values[:-_NEW_HOURS])
        found = {index: self._learned[index] for index in group if index in self._learned}
        gaps = {index: one.gap for index, one in found.items() if one.rise <= one.quiet * range_of_levels}
        best = min(gaps.values(), default=0)
        return sorted((index for index, gap in gaps.items() if gap <= _NEAR_BEST * best), key=lambda index: gaps[index])

    def _all_surprised(self, quiet: Sequence[int], margin: float) -> bool:
        return all(self._rises[index] > self._learned[index].surprise * self._learned[index].rise + margin for index in quiet)

    def _first_unheard_of(self, margin: float) -> float | None:
        """Return the shortest lag over which the level rose faster than ever over any time up to that."""
        highest = 0
        for index in range(self._loose):
            if index in self._learned:
                highest = max(highest, self._learned[index].rise)
                if self._rises[index] > _SURPRISE_ANYWHERE * highest + margin:
                    return self._lags[index]
        return None

    def _excess(self, quiet: Sequence[int]) -> int | None:
        return self._rises[quiet[0]] - self._learned[quiet[0]].rise if quiet else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything that is remembered, for JSON."""
        buckets = [[one.number, one.ticks, one.highest, one.sums] for one in self._buckets]
        return {"steps": [steps.as_dict() for steps in self._all_steps()], "buckets": buckets}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what `as_dict` returned. Raise KeyError, TypeError or ValueError for anything else."""
        for steps, row in zip(self._all_steps(), data["steps"], strict=True):
            steps.restore(row)
        self._buckets = [_restored(row, len(self._lags)) for row in data["buckets"]]
        for octave in self._octaves:
            octave.look_back()
        self._learn(self._buckets[-1].number if self._buckets else 0)

    def _all_steps(self) -> Iterator[Maxima]:
        yield from (octave.steps for octave in self._octaves)
        yield from (self.peaks, self._depths)


def _restored(row: Sequence[Any], lags: int) -> _Bucket:
    number, ticks, highest, sums = row
    if len(highest) != lags or len(sums) != lags:
        raise ValueError("the lags are not those of this version")
    return _Bucket(int(number), int(ticks), [int(rise) for rise in highest], [int(total) for total in sums])


def _learned(old: Sequence[_Bucket], index: int, lag: float) -> _Learned | None:
    seen = [one for one in old if one.sums[index] > -UNKNOWN // 2]
    if len(seen) < _NEEDED_BUCKETS:
        return None
    highest = max(0, *(one.highest[index] for one in seen))
    gap = highest - sum(one.sums[index] for one in seen) // sum(one.ticks for one in seen)
    compared = len(seen) * _BUCKET_SECONDS / lag
    quiet = _QUIET * min(1.0, compared / _COMPARED) if compared >= _FEWEST_COMPARED else 0.0
    return _Learned(highest, gap, quiet, 1 + _SURPRISE / sqrt(compared))

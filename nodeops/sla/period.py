"""Periods of a contract, cut into slices of equal length: every instant of a period is in exactly one. Pure.

A time zone fixes when a period begins and ends, and nothing else: both are taken to UTC first. The difference of two times of one
zone is that of their clocks on the wall (Python's datetime), which is an hour less or more where summer time ends or begins.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from nodeops.core.errors import InputError

_NAME = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True)
class Period:
    """From `start` until before `end`, in seconds since 1970 UTC, in slices of so many seconds; the last one may be shorter."""

    name: str
    zone: str
    start: int
    end: int
    slice_seconds: int

    @property
    def slices(self) -> int:
        """Return how many slices there are."""
        return -(-(self.end - self.start) // self.slice_seconds)

    def slice_of(self, time: int) -> int:
        """Return the number of the slice, from 0, that a second of the period is in. Raise ValueError for any other."""
        if not self.start <= time < self.end:
            raise ValueError(f"{time} is not in the period")
        return (time - self.start) // self.slice_seconds

    def bounds(self, number: int) -> tuple[int, int]:
        """Return from when until before when a slice is."""
        begin = self.start + number * self.slice_seconds
        return begin, min(begin + self.slice_seconds, self.end)

    def until(self, time: int) -> "Period":
        """Return the part of it whose slices are over at a time."""
        whole = max(0, min(time, self.end) - self.start) // self.slice_seconds
        return Period(self.name, self.zone, self.start, self.start + whole * self.slice_seconds, self.slice_seconds)


def month(name: str, zone: str, slice_seconds: int, since: date, until: date) -> Period:
    """Return a month of a contract by its name. Raise InputError for one that is none, or that the contract does not cover.

    A month begins with the first instant at which clocks there show its first day: where midnight comes twice with the first,
    where it is left out with the one after.
    """
    found = _NAME.fullmatch(name)
    where, allowed = f"--period {name!a}", f"a month from {since:%Y-%m} to before {until:%Y-%m}"
    if not found:
        raise InputError("is no month", where=where, allowed=f"{allowed}, such as {since:%Y-%m}")
    first = date(int(found[1]) or 1, int(found[2]), 1)
    if not since <= first < until:
        raise InputError("is not in the contract's time", where=where, allowed=allowed)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Period(name, zone, _instant(first, zone), _instant(following, zone), slice_seconds)


def _instant(day: date, zone: str) -> int:
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return int(local.astimezone(UTC).timestamp())

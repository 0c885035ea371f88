"""When an organisation lets its hosts be patched: windows of the week and days on which nothing is touched, all in UTC. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from nodeops.document.fields import said

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(r"(?:(\S+) )?(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)
_SHAPE = "such as 'Sat,Sun 01:00-05:00', 'Mon..Fri 22:00-02:00' or '03:00-04:00' (UTC)"
_MIDNIGHT = "24:00"
# A window that opens later than this is said to be closed for good: all of these days are blacked out.
_MOST_DAYS = 400
# As long as a waiver: what shall go on is agreed on again.
_LONGEST_BLACKOUT = timedelta(days=366)


class Window(NamedTuple):
    """Hours that come again every week: on these days (0 is Monday) from `start`, for so long. May go past midnight."""

    days: frozenset[int]
    start: time
    length: timedelta


def parsed_window(text: str) -> Window:
    """Return a window from its text. Raise ValueError for anything else, with what is allowed."""
    found = _WINDOW.fullmatch(text)
    if not found:
        raise ValueError(f"is not a window {_SHAPE}")
    days, start, end = found.groups()
    began, ended = _clock(start), timedelta(days=1) if end == _MIDNIGHT else _clock(end)
    if began == ended:
        raise ValueError(f"begins and ends at {start}; a whole day is 00:00-24:00")
    length = ended - began if ended > began else ended - began + timedelta(days=1)
    return Window(frozenset(_days(days) if days else range(7)), time.fromisoformat(start), length)


def _clock(text: str) -> timedelta:
    hours, minutes = map(int, text.split(":"))
    if hours > 23 or minutes > 59:
        raise ValueError(f"'{text}' is not a time of day from 00:00 to 23:59")
    return timedelta(hours=hours, minutes=minutes)


def _days(text: str) -> Iterator[int]:
    for piece in text.split(","):
        ends = piece.split("..")
        if len(ends) > 2 or not set(ends) <= set(DAYS):
            raise ValueError(f"'{piece}' is not a day or days such as Sat or Mon..Fri; days are {', '.join(DAYS)}")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        yield from ((first + step) % 7 for step in range((last - first) % 7 + 1))


def _is_window(text: str) -> str:
    parsed_window(text)
    return text


class Blackout(BaseModel, strict=True, frozen=True, extra="forbid", defer_build=True):
    """Days on which nothing is patched, from `first` to `last`, both included (UTC), and why."""

    first: date
    last: date
    why: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{3,200}$"), said(1)]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last: {self.last} is before {self.first}, its first day")
        if self.last - self.first > _LONGEST_BLACKOUT:
            raise ValueError(f"last: {self.last} is too far away: at most {_LONGEST_BLACKOUT.days} days without a patch")
        return self


class Patching(BaseModel, strict=True, frozen=True, extra="forbid", defer_build=True):
    """When the hosts of an organisation may be patched: in these windows, at any hour without one, never in a blackout."""

    windows: Annotated[list[Annotated[str, AfterValidator(_is_window)]], Field(max_length=50)] = []
    blackouts: Annotated[list[Blackout], Field(max_length=100)] = []

    def __bool__(self) -> bool:
        """Tell whether it says anything."""
        return bool(self.windows or self.blackouts)


class Opening(NamedTuple):
    """Whether hosts may be patched now, why not, and when they may next; `until` when an open window closes (None: never)."""

    open: bool
    why: str = ""
    next: datetime | None = None
    until: datetime | None = None


def opening(patching: Patching, now: datetime) -> Opening:
    """Return whether hosts may be patched at a moment (with its zone)."""
    now = now.astimezone(UTC)
    windows = [parsed_window(text) for text in patching.windows]
    black = _blackout(patching.blackouts, now.date())
    ends = [begin + window.length for window in windows for begin in _begins(window, now.date(), -1, 1) if begin <= now]
    until = max((end for end in ends if end > now), default=None)
    if black is None and (until or not windows):
        return Opening(True, until=until)
    why = f"blackout until {black.last}: {black.why}" if black else f"outside of the windows ({'; '.join(patching.windows)} UTC)"
    return Opening(False, why, _next(windows, patching.blackouts, now))


def _blackout(blackouts: Sequence[Blackout], day: date) -> Blackout | None:
    return next((one for one in blackouts if one.first <= day <= one.last), None)


def _begins(window: Window, day: date, first: int, last: int) -> Iterator[datetime]:
    """Yield when a window opens on days from `first` to before `last`, counted from a day."""
    for step in range(first, last):
        then = day + timedelta(days=step)
        if then.weekday() in window.days:
            yield datetime.combine(then, window.start, UTC)


def _next(windows: Sequence[Window], blackouts: Sequence[Blackout], now: datetime) -> datetime | None:
    """Return when a window next opens, or a blackout inside one ends; None within the days that are looked at."""
    everyday = [Window(frozenset(range(7)), time(), timedelta(days=1))]
    for step in range(-1, _MOST_DAYS):
        begun = [(window, begin) for window in windows or everyday for begin in _begins(window, now.date(), step, step + 1)]
        moments = [moment for window, begin in begun for moment in _chances(window, begin)]
        free = [moment for moment in moments if moment > now and _blackout(blackouts, moment.date()) is None]
        if free:
            return min(free)
    return None


def _chances(window: Window, begin: datetime) -> Iterator[datetime]:
    """Yield the moments at which a window that opens then may become usable: at once, or when a blackout ends at midnight."""
    yield begin
    midnight = datetime.combine(begin.date() + timedelta(days=1), time(), UTC)
    if midnight < begin + window.length:
        yield midnight

"""Every instant of a month is in exactly one slice, also where clocks are put forward or back."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.sla.period import Period, month

SINCE, UNTIL = date(2020, 1, 1), date(2035, 1, 1)
ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana", "Asia/Kathmandu"]
# Zone, month, and its true minutes: those of its days, and what the clocks were put back in it.
MINUTES = [
    ("Europe/Berlin", "2026-10", 44640 + 60),
    ("Europe/Berlin", "2026-03", 44640 - 60),
    ("Europe/Berlin", "2026-11", 43200),
    ("Australia/Lord_Howe", "2026-04", 43200 + 30),
    ("Australia/Lord_Howe", "2026-10", 44640 - 30),
    ("Africa/Cairo", "2026-04", 43200 - 60),
    ("Africa/Cairo", "2026-10", 44640 + 60),
    ("America/Havana", "2026-03", 44640 - 60),
    # Midnight of the first comes twice: October ends with the first of both.
    ("America/Havana", "2026-10", 44640),
    ("America/Havana", "2026-11", 43200 + 60),
    ("Asia/Shanghai", "2026-10", 44640),
    ("UTC", "2028-02", 41760),
]


def period(zone: str, name: str, slice_seconds: int = 60) -> Period:
    return month(name, zone, slice_seconds, SINCE, UNTIL)


@pytest.mark.parametrize(("zone", "name", "minutes"), MINUTES)
def test_a_month_has_its_true_number_of_slices(zone: str, name: str, minutes: int) -> None:
    assert period(zone, name).slices == minutes


def test_the_clock_on_the_wall_says_otherwise() -> None:
    """Why both ends are taken to UTC first."""
    berlin = ZoneInfo("Europe/Berlin")
    by_the_wall = datetime(2026, 11, 1, tzinfo=berlin) - datetime(2026, 10, 1, tzinfo=berlin)
    assert by_the_wall == timedelta(minutes=44640)


@pytest.mark.parametrize("zone", ZONES)
def test_months_follow_each_other_without_a_gap(zone: str) -> None:
    names = [f"{year}-{number:02}" for year in (2025, 2026, 2027) for number in range(1, 13)]
    found = [period(zone, name) for name in names]
    assert all(one.end == other.start for one, other in pairwise(found))


@pytest.mark.parametrize("zone", ZONES)
def test_a_month_begins_when_clocks_first_show_it(zone: str) -> None:
    for number in range(1, 13):
        start = period(zone, f"2026-{number:02}").start
        before, after = (datetime.fromtimestamp(start + second, UTC).astimezone(ZoneInfo(zone)) for second in (-1, 0))
        assert (before.month % 12 + 1, after.month, after.day) == (number, number, 1)


@given(
    st.sampled_from([(zone, name) for zone, name, _ in MINUTES]),
    st.sampled_from([10, 12, 60, 100, 450, 900]),
    st.floats(0, 1, exclude_max=True),
)
def test_each_instant_is_in_exactly_one_slice(where: tuple[str, str], slice_seconds: int, part: float) -> None:
    found = period(*where, slice_seconds)
    time = found.start + int((found.end - found.start) * part)
    number = found.slice_of(time)
    begin, end = found.bounds(number)
    assert begin <= time < end
    assert found.bounds(number + 1)[0] == end or number + 1 == found.slices
    holding = [one for one in (number - 1, number, number + 1) if found.bounds(one)[0] <= time < found.bounds(one)[1]]
    assert holding == [number]


@given(st.integers(1, 2000), st.integers(1, 900))
def test_slices_cover_a_period_whole_whatever_its_length(seconds: int, slice_seconds: int) -> None:
    found = Period("x", "UTC", 100, 100 + seconds, slice_seconds)
    bounds = [found.bounds(number) for number in range(found.slices)]
    assert (bounds[0][0], bounds[-1][1]) == (found.start, found.end)
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
    assert all(begin < end for begin, end in bounds)


@pytest.mark.parametrize("time", [-1, 100])
def test_what_is_outside_is_in_no_slice(time: int) -> None:
    with pytest.raises(ValueError, match="is not in the period"):
        Period("x", "UTC", 0, 100, 10).slice_of(time)


@pytest.mark.parametrize(("time", "slices"), [(5, 0), (100, 0), (109, 0), (110, 1), (125, 2), (200, 10), (999, 10)])
def test_so_far_are_the_slices_that_are_over(time: int, slices: int) -> None:
    assert Period("x", "UTC", 100, 200, 10).until(time).slices == slices


@pytest.mark.parametrize("name", ["2026", "2026-13", "2026-1", "0000-01", "2019-12", "2035-01", "10-2026", "２０２６-10"])
def test_what_is_no_month_of_the_contract_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"is no month|is not in the contract's time"):
        period("UTC", name)

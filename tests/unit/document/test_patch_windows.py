"""Windows and blackouts: what may be written, when hosts may be patched, and when they may next."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium
from nodeops.document.patch_windows import DAYS, Blackout, Patching, opening, parsed_window
from tests.unit.document.written import inventory, with_change

# A Wednesday.
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BLACKOUT = Blackout(first=date(2026, 11, 24), last=date(2026, 11, 25), why="year end")

BAD = [
    ("tonight", "is not a window"),
    ("Sat 1:00-05:00", "is not a window"),
    ("Sat 01:00-05:00 UTC", "is not a window"),
    ("Sut 01:00-05:00", "'Sut' is not a day"),
    ("Mon..Wed..Fri 01:00-05:00", "is not a day or days"),
    ("Sat, 01:00-05:00", "'' is not a day"),
    ("Sat 25:00-26:00", "'25:00' is not a time of day"),
    ("Sat 24:00-05:00", "'24:00' is not a time of day"),
    ("Sat 01:60-05:00", "'01:60' is not a time of day"),
    ("Sat 05:00-05:00", "a whole day is 00:00-24:00"),
]


@pytest.mark.parametrize(("text", "why"), BAD, ids=[row[0] for row in BAD])
def test_what_is_no_window_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parsed_window(text)


GOOD = [
    ("03:00-04:00", set(range(7)), 1),
    ("Sat,Sun 00:00-24:00", {5, 6}, 24),
    ("Fri..Mon 22:00-02:00", {4, 5, 6, 0}, 4),
    ("Wed 12:00-00:00", {2}, 12),
]


@pytest.mark.parametrize(("text", "days", "hours"), GOOD, ids=[row[0] for row in GOOD])
def test_a_window_is_read(text, days, hours):
    found = parsed_window(text)
    assert (set(found.days), found.length) == (days, timedelta(hours=hours))


CASES = [
    ("no window: any hour", [], [], NOON, True, None),
    ("inside", ["Wed 11:00-13:00"], [], NOON, True, None),
    ("at its first minute", ["Wed 12:00-13:00"], [], NOON, True, None),
    ("at its last moment", ["Wed 11:00-12:00"], [], NOON, False, datetime(2026, 12, 2, 11, 0, tzinfo=UTC)),
    ("another day", ["Sat,Sun 01:00-05:00"], [], NOON, False, datetime(2026, 11, 28, 1, 0, tzinfo=UTC)),
    ("since yesterday", ["Tue 22:00-13:00"], [], NOON, True, None),
    ("one of two", ["Sat 01:00-05:00", "Wed 11:00-13:00"], [], NOON, True, None),
    ("blackout in a window", ["Wed 11:00-13:00"], [BLACKOUT], NOON, False, datetime(2026, 12, 2, 11, 0, tzinfo=UTC)),
    ("blackout without windows", [], [BLACKOUT], NOON, False, datetime(2026, 11, 26, 0, 0, tzinfo=UTC)),
    (
        "a blackout that ends inside a window",
        ["Wed 22:00-02:00"],
        [BLACKOUT],
        NOON,
        False,
        datetime(2026, 11, 26, 0, 0, tzinfo=UTC),
    ),
    ("a blackout that is over", [], [BLACKOUT], NOON + timedelta(days=1), True, None),
]


@pytest.mark.parametrize(("_", "windows", "blackouts", "now", "is_open", "then"), CASES, ids=[row[0] for row in CASES])
def test_when_hosts_may_be_patched(_, windows, blackouts, now, is_open, then):
    found = opening(Patching(windows=windows, blackouts=blackouts), now)
    assert (found.open, found.next) == (is_open, then)
    assert bool(found.why) != is_open


def test_why_it_is_closed_is_said():
    assert opening(Patching(windows=["Sat 01:00-05:00"]), NOON).why == "outside of the windows (Sat 01:00-05:00 UTC)"
    assert opening(Patching(blackouts=[BLACKOUT]), NOON).why == "blackout until 2026-11-25: year end"


def test_windows_that_never_open_within_a_year_are_told_apart():
    always = [Blackout(first=date(year, 1, 1), last=date(year, 12, 31), why="for ever") for year in range(2026, 2030)]
    assert opening(Patching(blackouts=always), NOON).next is None


def window(day: int, hour: int, hours: int) -> str:
    return f"{DAYS[day]} {hour:02}:00-{(hour + hours) % 24:02}:00"


hours = st.builds(window, st.integers(0, 6), st.integers(0, 23), st.integers(1, 23))


@settings(max_examples=40, deadline=None)
@given(st.lists(hours, min_size=1, max_size=3), st.integers(0, 7 * 24), st.booleans())
def test_the_next_opening_is_the_first_moment_at_which_it_is_open(windows, later, black):
    patching = Patching(windows=windows, blackouts=[BLACKOUT] if black else [])
    now = NOON + timedelta(hours=later)
    found = opening(patching, now)
    if not found.open:
        assert found.next
        assert opening(patching, found.next).open
        between = int((found.next - now).total_seconds() // 3600)
        assert not any(opening(patching, now + timedelta(hours=step)).open for step in range(between))


def test_the_line_of_a_wrong_window_is_named(tmp_path):
    text = with_change("  maker: {}\n", "  maker:\n    patching:\n      windows: ['Sat 01:00-05:00', 'nightly']\n")
    with pytest.raises(InputError) as caught:
        load_consortium(inventory(tmp_path, text))
    assert "is not a window such as 'Sat,Sun 01:00-05:00'" in str(caught.value)
    assert "organisations.maker.patching.windows.1" in str(caught.value)


WRONG = {
    "says nothing": ('{first: 2026-12-20, last: 2026-12-21, why: "   "}', "says nothing"),
    "last before first": ("{first: 2026-12-20, last: 2026-12-01, why: year end}", "is before 2026-12-20, its first day"),
    "for ever": ("{first: 2026-12-20, last: 9999-12-31, why: year end}", "9999-12-31 is too far away: at most 366 days"),
    "no date": ("{first: soon, last: 2026-12-01, why: year end}", "first: Input should be a valid date"),
    "no reason": ("{first: 2026-12-01, last: 2026-12-02}", "why: this key is required"),
    "unknown key": (
        "{first: 2026-12-01, last: 2026-12-02, why: year end, who: me}",
        "unknown key 'who'; allowed: first, last, why",
    ),
}


@pytest.mark.parametrize(("blackout", "why"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_blackout_is_named_with_its_line(tmp_path, blackout, why):
    text = with_change("  maker: {}\n", f"  maker:\n    patching:\n      blackouts:\n        - {blackout}\n")
    with pytest.raises(InputError) as caught:
        load_consortium(inventory(tmp_path, text))
    line = next(number for number, row in enumerate(text.splitlines(), 1) if blackout in row)
    assert f"consortium.yml:{line}: " in str(caught.value)
    assert why in str(caught.value)

"""When a filesystem will be full: habits raise no alarm, a runaway does, and nothing is said that is not known."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.disk.policy.forecast import Forecast, Forecaster, decoded, duration, encoded, spoken
from tests.unit.disk.policy.teeth import DAY, HOUR, TOTAL, WATCH_SECONDS, Load, false_watches, history, share_left

FLAT = Load(HOUR, 0.5, amplitude=0.0)
LITTLE = Load(7.3 * HOUR, 0.9, amplitude=0.05, phase=0.3)
LARGE = Load(7.3 * HOUR, 0.9, phase=0.3)
LOADS = {"flat": FLAT, "little": LITTLE, "large": LARGE}
DAYS = 8.0
BEGUN = FLAT.base + FLAT.drifted(DAYS * DAY)


@pytest.fixture(scope="module")
def remembered():
    return {name: history(load, DAYS, 600.0) for name, load in LOADS.items()}


def fed(levels, step=15.0, made=None):
    """Return what is forecast after so many looks."""
    made, found = made or Forecaster(), Forecast(None)
    for number, level in enumerate(levels):
        found = made.observe(number * step, int(level * TOTAL), TOTAL)
    return found


SPOKEN = {
    "not filling": (Forecast(None), "not filling"),
    "learning": (Forecast(None, learning=True), "too early to say"),
    "days": (Forecast(76 * HOUR), "full in 3 d 4 h"),
    "minutes": (Forecast(330.0), "full in 5 min 30 s"),
    "now": (Forecast(0.0), "full in 0 s"),
}


@pytest.mark.parametrize(("forecast", "text"), SPOKEN.values(), ids=SPOKEN)
def test_a_forecast_is_spoken_in_words(forecast, text):
    assert spoken(forecast) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "59 s"), (60, "1 min"), (3 * HOUR + 59, "3 h"), (25.5 * HOUR, "1 d 1 h"), (-5, "0 s")],
)
def test_a_time_is_said_in_two_units_at_most(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("amplitude", [0.05, 0.2])
@pytest.mark.parametrize(("hours", "rise"), [(1, 0.1), (7.3, 0.9), (24, 0.5)])
def test_a_sawtooth_raises_no_watch_in_30_days(hours, rise, amplitude):
    assert false_watches(Load(hours * HOUR, rise, amplitude, base=0.7), 30, 600.0) == {}


@pytest.mark.parametrize("hours", [1, 6, 24])
@pytest.mark.parametrize(("name", "least"), [("flat", 0.9), ("little", 0.8), ("large", 0.5)])
def test_a_runaway_is_seen_early(remembered, name, least, hours):
    assert share_left(LOADS[name], DAYS, remembered[name], hours * HOUR) >= least


def test_the_time_to_full_is_right(remembered):
    made = decoded(remembered["flat"])["/"]
    found = fed((BEGUN + (1 - BEGUN) * number * 15 / (6 * HOUR) for number in range(720)), made=made)
    assert found.seconds == pytest.approx(3 * HOUR, rel=0.05)


def test_a_slow_drift_is_measured_over_days():
    found = fed([0.3 + 0.7 * number * 1800 / (40 * DAY) for number in range(480)], step=1800.0)
    assert found.seconds == pytest.approx(30 * DAY, rel=0.05)


def test_one_large_file_is_no_growth_any_more_when_it_is_written(remembered):
    made = decoded(remembered["flat"])["/"]
    for number in range(300):
        found = made.observe(number * 15, int((BEGUN + (0.1 if number > 20 else 0.0)) * TOTAL), TOTAL)
        assert found.seconds is None or found.seconds > WATCH_SECONDS


def test_what_comes_and_goes_between_looks_does_not_count(remembered):
    one, other = (decoded(remembered["flat"])["/"] for _ in range(2))
    for second in range(600):
        found = one.observe(second, int((BEGUN + (0.3 if second % 7 == 3 else 0.0)) * TOTAL), TOTAL)
        assert found == other.observe(second, int(BEGUN * TOTAL), TOTAL)


def test_a_runaway_is_still_known_after_a_restart(remembered):
    made = decoded(remembered["flat"])["/"]
    before = fed([BEGUN + number * 0.001 for number in range(200)], made=made)
    again = decoded(encoded({"/": made}))["/"]
    after = again.observe(7.0, int((BEGUN + 0.2) * TOTAL), TOTAL)
    assert before.seconds is not None
    assert after.seconds == pytest.approx(before.seconds, rel=0.05)


def test_nothing_is_said_of_growth_that_began_with_the_guard():
    assert fed([0.3 + number * 0.0001 for number in range(1200)]) == Forecast(None, learning=True)


def test_growth_that_is_no_tooth_for_certain_is_said_on_the_first_day():
    found = fed([0.3 + number * 0.0005 for number in range(700)])
    assert found.seconds == pytest.approx((0.7 - 0.35) / 0.0005 * 15, rel=0.05)


def test_a_gap_is_a_time_in_which_nothing_changed():
    made = Forecaster()
    fed([0.3] * 200, made=made)
    assert made.observe(400 * DAY, int(0.3 * TOTAL), TOTAL) == Forecast(None)


def test_a_clock_that_begins_anew_loses_nothing(remembered):
    made = decoded(remembered["large"])["/"]
    for seconds in (5e6, 5.0, 20.0):
        made.observe(seconds, int(0.4 * TOTAL), TOTAL)
    began, found = (json.loads(data)["/"] for data in (remembered["large"], encoded({"/": made})))
    assert found[1] == began[1] + 15.0
    assert found[3][0][2] == began[3][0][2]


def test_a_filesystem_that_has_grown_is_judged_by_its_new_size(remembered):
    made = decoded(remembered["flat"])["/"]
    for number in range(600):
        found = made.observe(number * 15, int((BEGUN + number * 0.0005) * TOTAL), 4 * TOTAL)
    assert found.seconds == pytest.approx((4 - BEGUN - 0.3) / 0.0005 * 15, rel=0.05)


def test_what_is_remembered_is_bounded_and_the_same_after_a_restart(remembered):
    assert all(encoded(decoded(data)) == data for data in remembered.values())
    assert max(map(len, remembered.values())) < 4000


# The last one but two is what the forecaster of an earlier version left.
DAMAGED = [
    "",
    "{",
    "[]",
    "7",
    "\x00",
    '{"/": 7}',
    '{"/": []}',
    '{"/": {"version": 2, "now": 0, "habits": {"steps": []}}}',
    "[" * 9999,
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_memory_that_cannot_be_read_is_empty(text):
    assert decoded(text.encode()) == {}


def test_of_many_filesystems_only_the_damaged_one_begins_anew(remembered):
    said = json.loads(remembered["flat"])
    assert list(decoded(json.dumps({"/": said["/"], "/var": {"version": 2}}).encode())) == ["/"]


ANYTHING = [None, True, -1, 2**70, 0.5, 1e308, float("nan"), float("inf"), "x", [], [[]], [None] * 9, {}, {"version": 3}]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 60), min_size=1, max_size=4), st.sampled_from(ANYTHING))
def test_a_memory_with_anything_in_its_place_does_not_end_the_guard(remembered, path, anything):
    said = json.loads(remembered["flat"])
    place = said["/"]
    for step in path[:-1]:
        inner = place[step % len(place)]
        place = inner if isinstance(inner, list) and inner else place
    place[path[-1] % len(place)] = anything
    for made in decoded(json.dumps(said).encode()).values():
        assert spoken(made.observe(1.0, TOTAL // 2, TOTAL))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.floats(-100, 5000), st.integers(0, 2 * TOTAL)), max_size=40),
    st.sampled_from([0, 1, TOTAL]),
    st.booleans(),
)
def test_whatever_is_observed_a_forecast_can_be_made(remembered, rows, total, old):
    made, now = decoded(remembered["little"])["/"] if old else Forecaster(), 0.0
    for seconds, used in rows:
        now += seconds
        found = made.observe(now, used, total)
        assert spoken(found)
        assert found.seconds is None or found.seconds >= 0

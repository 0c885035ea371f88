"""When a filesystem will be full: habits raise no alarm, a runaway does, and nothing is said that is not known."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.disk.forecast import Forecast, Forecaster, duration, restored, spoken
from nodeops.disk.slopes import FEWEST_POINTS, end, slope, thinned
from tests.unit.disk.disk_teeth import DAY, HOUR, RUNAWAYS, TOTAL, WATCH_SECONDS, Load, false_watches, history, share_left

FLAT = Load(HOUR, 0.5, amplitude=0.0)
TOOTH = Load(7.3 * HOUR, 0.9, phase=0.3)
DAYS = 8.0


@pytest.fixture(scope="module")
def remembered():
    return {"flat": history(FLAT, DAYS, 600.0), "tooth": history(TOOTH, DAYS, 600.0)}


def fed(levels, step=15.0, made=None, begin=0.0):
    made = made or Forecaster()
    for number, level in enumerate(levels):
        made.observe(begin + number * step, int(level * TOTAL), TOTAL)
    return made


SPOKEN = {
    "not filling": (Forecast(None), "not filling"),
    "learning": (Forecast(None, confidence="learning"), "too early to say"),
    "days": (Forecast(76 * HOUR, 71 * HOUR, 81 * HOUR), "full in 3 d 4 h ± 5 h"),
    "minutes": (Forecast(330.0, 300.0, 360.0), "full in 5 min 30 s ± 30 s"),
    "never at the latest": (Forecast(2 * DAY, DAY, None), "full in 2 d, 1 d at the soonest"),
    "wide": (Forecast(2 * DAY, DAY, 9 * DAY), "full in 2 d, 1 d at the soonest"),
    "now": (Forecast(0.0, 0.0, 0.0), "full in 0 s ± 0 s"),
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


def test_a_slope_holds_although_a_quarter_of_the_points_is_wrong():
    points = [(float(x), 3.0 * x + (1000 if x % 4 == 0 else 0)) for x in range(40)]
    found = slope(points)
    assert found is not None
    assert found.low <= 3.0 <= found.high
    assert found.middle == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize("points", [[], [(1.0, 1.0)], [(1.0, 1.0), (1.0, 2.0)]])
def test_there_is_no_slope_without_two_moments(points):
    assert slope(points) is None


def test_points_are_thinned_evenly_and_the_last_one_stays():
    points = [(float(x), 0.0) for x in range(1000)]
    assert len(thinned(points)) == 40
    assert thinned(points)[-1] == points[-1]


ENDS = {
    "steady": (lambda x: x, 0.0, 900.0, 0.01),
    "faster and faster": (lambda x: (x + 4 * x * x) / 5, 0.0, 900.0, 0.2),
    "slower": (lambda x: x**0.5, 0.0, None, 0.0),
}


@pytest.mark.parametrize(("shape", "least", "seconds", "error"), ENDS.values(), ids=ENDS)
def test_the_end_is_where_growth_leads(shape, least, seconds, error):
    points = [(float(x), shape(x / 1000)) for x in range(0, 101, 4)]
    found = end(points, 1 - shape(0.1))
    assert found is not None
    assert least <= found.soonest <= found.seconds <= found.latest
    if seconds is not None:
        assert found.seconds == pytest.approx(seconds, rel=error)


@pytest.mark.parametrize(
    "points", [[(float(x), 5.0) for x in range(20)], [(float(x), float(x)) for x in range(FEWEST_POINTS - 1)]]
)
def test_there_is_no_end_without_growth_that_is_certain(points):
    assert end(points, 10.0) is None


def test_a_sawtooth_raises_no_watch_in_30_days():
    assert false_watches(Load(DAY, 0.5, base=0.7), 30, 3600.0) == {}


def test_a_sawtooth_raises_no_watch_in_its_first_days():
    assert false_watches(Load(DAY, 0.9, base=0.6, phase=0.2), 4, 1800.0) == {}


@pytest.mark.parametrize("hours", [1, 6, 24])
@pytest.mark.parametrize(("kind", "least"), [("constant", 0.9), ("trebling", 0.8), ("square", 0.7)])
def test_a_runaway_is_seen_early(remembered, kind, least, hours):
    assert share_left(FLAT, DAYS, remembered["flat"], kind, hours * HOUR, hours * 15.0) >= least


@pytest.mark.parametrize("hours", [1, 6, 24])
@pytest.mark.parametrize(("kind", "least"), [("constant", 0.8), ("trebling", 0.65)])
def test_a_runaway_is_seen_early_on_top_of_a_sawtooth(remembered, kind, least, hours):
    assert share_left(TOOTH, DAYS, remembered["tooth"], kind, hours * HOUR, hours * 15.0) >= least


def test_the_time_to_full_is_right_and_its_interval_holds_it(remembered):
    made = restored(json.loads(remembered["flat"]))
    start = 0.3 + 0.7 * DAYS / FLAT.drift_days
    fed([start + (1 - start) * number * 15 / (6 * HOUR) for number in range(720)], made=made, begin=DAYS * DAY)
    found = made.forecast()
    assert found.seconds == pytest.approx(3 * HOUR, rel=0.03)
    assert found.low is not None
    assert found.high is not None
    assert found.low * 0.97 <= 3 * HOUR <= found.high * 1.03
    assert (found.window, found.confidence) == ("6 h", "high")


def test_a_slow_drift_is_measured_over_days():
    made = fed([0.3 + 0.7 * number * 1800 / (40 * DAY) for number in range(480)], step=1800.0)
    found = made.forecast()
    assert found.seconds == pytest.approx(30 * DAY, rel=0.05)
    assert found.window == "days"
    assert spoken(found).startswith("full in 29 d") or spoken(found).startswith("full in 30 d")


def test_one_large_file_is_not_growth(remembered):
    made = restored(json.loads(remembered["flat"]))
    start = 0.3 + 0.7 * DAYS / FLAT.drift_days
    for number in range(300):
        made.observe(DAYS * DAY + number * 15, int((start + (0.1 if number > 20 else 0.0)) * TOTAL), TOTAL)
        seconds = made.forecast().seconds
        assert seconds is None or seconds > WATCH_SECONDS


def test_nothing_is_said_of_growth_that_began_with_the_guard():
    made = fed([0.3 + number * 0.0001 for number in range(1200)])
    assert made.forecast() == Forecast(None, confidence="learning")


INFANTS = {
    "out of calm": [0.3] * 960 + [0.3 + number * 0.0005 for number in range(80)],
    "more than any tooth": [0.3 + number * 0.0005 for number in range(580)],
}


@pytest.mark.parametrize("levels", INFANTS.values(), ids=INFANTS)
def test_growth_that_is_no_tooth_for_certain_is_said_on_the_first_day(levels):
    found = fed(levels).forecast()
    assert found.seconds is not None
    assert found.seconds < 6 * HOUR
    assert found.confidence == "low"


def test_a_clock_that_goes_back_loses_nothing(remembered):
    made = restored(json.loads(remembered["tooth"]))
    made.observe(5.0, int(0.4 * TOTAL), TOTAL)
    assert made.forecast().confidence != "learning"
    assert made.as_dict()["now"] == pytest.approx(DAYS * DAY, abs=601)


def test_a_gap_is_a_time_in_which_nothing_changed():
    made = fed([0.3] * 200)
    made.observe(400 * DAY, int(0.3 * TOTAL), TOTAL)
    assert made.forecast().seconds is None


def test_a_filesystem_that_has_grown_is_judged_by_its_new_size(remembered):
    made = restored(json.loads(remembered["flat"]))
    for number in range(400):
        made.observe(DAYS * DAY + number * 15, int((0.44 + number * 0.0005) * TOTAL), 4 * TOTAL)
    small = made.forecast().seconds
    assert small is not None
    assert small == pytest.approx((4 - 0.64) / 0.0005 * 15, rel=0.05)


def test_what_is_remembered_is_bounded_and_the_same_after_a_restart(remembered):
    made = restored(json.loads(remembered["tooth"]))
    assert json.dumps(made.as_dict()) == remembered["tooth"]
    assert len(remembered["tooth"]) < 200_000


@pytest.mark.parametrize(
    "data", [None, [], {}, {"version": 3}, {"version": 2, "now": 0, "habits": {"steps": [], "buckets": []}, "infancy": {}}, "x"]
)
def test_a_damaged_memory_begins_anew(data):
    assert restored(data).forecast() == Forecast(None, confidence="learning")


def test_an_update_costs_less_than_a_millisecond(remembered):
    made = restored(json.loads(remembered["tooth"]))
    began = time.process_time()
    for second in range(300):
        made.observe(DAYS * DAY + second, int((0.4 + second * 0.0002) * TOTAL), TOTAL)
        if second % 15 == 0:
            made.forecast()
    assert time.process_time() - began < 0.3


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-100, 5000), st.integers(0, 2 * TOTAL)), max_size=40),
    st.sampled_from([0, 1, TOTAL]),
    st.booleans(),
)
def test_whatever_is_observed_a_forecast_can_be_made(remembered, rows, total, old):
    made = restored(json.loads(remembered["flat"])) if old else Forecaster()
    now = 0.0
    for seconds, used in rows:
        now += seconds
        made.observe(now, used, total)
        found = made.forecast()
        assert spoken(found)
        if found.seconds is not None:
            assert found.low is not None
            assert 0 <= found.low <= found.seconds <= (found.seconds if found.high is None else found.high)


def test_all_runaways_end_where_the_disk_is_full():
    assert {kind: shape(1.0) for kind, shape in RUNAWAYS.items()} == dict.fromkeys(RUNAWAYS, 1.0)

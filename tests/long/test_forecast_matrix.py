"""What the forecast promises, over all its cases: 30 days of exact teeth without a watch, runaways on teeth seen early."""

from statistics import median

import pytest

from tests.unit.disk.policy.teeth import DAY, HOUR, Load, false_watches, history, look_seconds, share_left

pytestmark = pytest.mark.long
PERIODS = (600.0, HOUR, 7.3 * HOUR, DAY)
MORE_PERIODS = (1300.0, 3 * HOUR, 11 * HOUR, 12 * HOUR, 17.7 * HOUR)
RISES = (0.1, 0.5, 0.9)
PHASES = (0.0, 0.25, 0.5, 0.75)
HOURS = (1, 6, 24)
DAYS = 8.0


@pytest.mark.parametrize("base", [0.3, 0.7])
@pytest.mark.parametrize("amplitude", [0.05, 0.2])
@pytest.mark.parametrize("rise", RISES)
@pytest.mark.parametrize("period", PERIODS + MORE_PERIODS)
def test_exact_teeth_raise_no_watch_in_30_days(period, rise, amplitude, base):
    load = Load(period, rise, amplitude, base, phase=rise, seed=int(period) + 7)
    assert false_watches(load, 30, look_seconds(period)) == {}


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("rise", RISES)
def test_a_tooth_of_a_day_may_begin_at_any_hour(rise, phase):
    assert false_watches(Load(DAY, rise, base=0.7, phase=phase, seed=3), 30, look_seconds(DAY)) == {}


def test_exact_teeth_raise_no_watch_when_they_are_looked_at_every_second():
    assert false_watches(Load(3 * HOUR, 0.9, base=0.7), 5, 1.0) == {}


def left(amplitude: float) -> list[float]:
    """Return the share of time left of each runaway on teeth of one height."""
    found = []
    loads = [
        Load(period, rise, amplitude, phase=phase, seed=int(period)) for period in PERIODS for rise in RISES for phase in PHASES
    ]
    for load in loads:
        remembered = history(load, DAYS, look_seconds(load.period))
        found += [share_left(load, DAYS, remembered, hours * HOUR) for hours in HOURS]
    return found


@pytest.mark.parametrize("amplitude", [0.0, 0.05])
def test_a_runaway_on_little_teeth_is_seen_with_four_fifths_of_its_time_left(amplitude):
    found = left(amplitude)
    assert len(found) == 144
    assert min(found) >= 0.8, sorted(found)[:10]


def test_a_runaway_on_large_teeth_is_seen_with_half_of_its_time_left_in_the_middle_case_and_never_missed():
    found = left(0.2)
    assert median(found) >= 0.5
    assert min(found) > 0

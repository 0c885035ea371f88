"""Thirty simulated days of many loads raise no watch; runaways on top of them do, early. Two minutes of computing, no hosts."""

from statistics import median

import pytest

from tests.unit.disk.disk_teeth import DAY, HOUR, Load, false_watches, history, share_left

PERIODS = (600.0, HOUR, 7.3 * HOUR, DAY)
DAYS = 8.0
CASES = [(kind, hours) for kind in ("constant", "trebling") for hours in (1, 6, 24)]


def step(period: float) -> float:
    return 60.0 if period < 2 * HOUR else 300.0


@pytest.mark.parametrize("base", [0.3, 0.7])
@pytest.mark.parametrize("rise", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("period", PERIODS)
def test_teeth_raise_no_watch_in_30_days(period, rise, base):
    assert false_watches(Load(period, rise, base=base, phase=rise, seed=7), 30, step(period)) == {}


def test_teeth_raise_no_watch_when_they_are_looked_at_every_second():
    assert false_watches(Load(3 * HOUR, 0.9, base=0.7), 5, 1.0) == {}


@pytest.mark.parametrize("period", PERIODS)
def test_runaways_are_seen_while_most_of_the_time_is_left(period):
    left = {case: [] for case in CASES}
    for rise in (0.1, 0.5, 0.9):
        load = Load(period, rise, phase=0.25, seed=int(period))
        remembered = history(load, DAYS, step(period))
        for kind, hours in CASES:
            found = share_left(load, DAYS, remembered, kind, hours * HOUR, 15.0 if hours == 1 else 60.0)
            left[kind, hours].append(found)
    assert min(min(found) for case, found in left.items() if case[0] == "constant") >= 0.84
    assert all(median(found) >= (0.89 if kind == "constant" else 0.73) for (kind, _), found in left.items())


@pytest.mark.parametrize("fading", [0.0, 0.3])
@pytest.mark.parametrize("period", [7.3 * HOUR, DAY])
def test_teeth_whose_periods_vary_raise_no_watch_in_30_days(period, fading):
    assert false_watches(Load(period, 0.9, base=0.7, jitter=0.1, fading=fading, seed=5), 30, step(period)) == {}

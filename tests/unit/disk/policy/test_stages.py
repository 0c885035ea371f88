"""The ladder: entered at once, left after five minutes below, by itself, for bytes and for inodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.disk.model import Stage
from nodeops.disk.policy.stages import LEAVE_SECONDS, Ladder, next_ladder, reached, thresholds
from tests.unit.disk.samples import GIB, MARKS, filesystem


@pytest.mark.parametrize(
    ("used", "stage"),
    [
        (74.9, Stage.NORMAL),
        (75.0, Stage.WATCH),
        (85.0, Stage.LOW),
        (90.0, Stage.HIGH),
        (95.0, Stage.FLOOD),
        (98.0, Stage.CRITICAL),
        (100.0, Stage.CRITICAL),
    ],
)
def test_a_watermark_enters_its_stage(used, stage):
    assert reached(filesystem(used), MARKS) is stage


def test_inodes_count_like_bytes():
    assert reached(filesystem(10, inodes_percent=96), MARKS) is Stage.FLOOD


def test_a_large_filesystem_with_much_left_is_no_alarm():
    assert reached(filesystem(85, total=10 << 40), MARKS) is Stage.NORMAL
    assert reached(filesystem(99.5, total=10 << 40), MARKS) is Stage.LOW
    assert reached(filesystem(99, total=100 * GIB), MARKS) is Stage.CRITICAL


@pytest.mark.parametrize(
    ("seconds", "used", "stage"),
    [
        (25 * 3600, 50, Stage.NORMAL),
        (23 * 3600, 50, Stage.WATCH),
        (5 * 3600, 50, Stage.LOW),
        (60, 50, Stage.LOW),
        (60, 81, Stage.HIGH),
    ],
)
def test_a_forecast_alone_goes_no_further_than_low(seconds, used, stage):
    assert reached(filesystem(used), MARKS, seconds) is stage


def climbed(used, ladder=None, now=0.0):
    return next_ladder(ladder or Ladder(), filesystem(used), MARKS, None, now)


def test_a_stage_is_left_only_after_five_minutes_below():
    ladder = climbed(91)
    assert ladder.stage is Stage.HIGH
    ladder = climbed(60, ladder, 10)
    assert ladder.stage is Stage.HIGH
    assert climbed(60, ladder, 10 + LEAVE_SECONDS - 1).stage is Stage.HIGH
    assert climbed(60, ladder, 10 + LEAVE_SECONDS).stage is Stage.NORMAL


def test_a_swing_begins_the_wait_anew():
    ladder = climbed(60, climbed(91), 10)
    ladder = climbed(84, ladder, 200)
    assert ladder.leaving is None
    assert climbed(60, ladder, 10 + LEAVE_SECONDS).stage is Stage.HIGH


def test_it_goes_down_to_the_stage_that_is_not_left_yet():
    ladder = climbed(82, climbed(99), 10)
    assert climbed(82, ladder, 10 + LEAVE_SECONDS).stage in (Stage.HIGH, Stage.CRITICAL)
    ladder = climbed(78, climbed(99), 10)
    assert climbed(78, ladder, 10 + LEAVE_SECONDS).stage is Stage.WATCH


def test_no_stage_is_passed_over():
    ladder = climbed(84, climbed(96), 10)
    ladder = climbed(79, ladder, 10 + LEAVE_SECONDS - 2)
    assert climbed(79, ladder, 10 + LEAVE_SECONDS).stage is Stage.HIGH


@given(st.lists(st.floats(0, 100), max_size=30))
def test_whatever_came_before_space_brings_it_back_to_normal(levels):
    ladder = Ladder()
    for number, used in enumerate(levels):
        ladder = climbed(used, ladder, number)
        assert ladder.stage >= reached(filesystem(used), MARKS)
    for number in range(8):
        ladder = climbed(10, ladder, 1000 + number * LEAVE_SECONDS)
    assert ladder.stage is Stage.NORMAL


@pytest.mark.parametrize("marks", [{"watch": 90.0}, {"critical": 94.0}, {"watch": 4.0}, {"low": 75.0}])
def test_watermarks_out_of_order_are_refused(marks):
    with pytest.raises(InputError, match="watermarks"):
        thresholds(marks)


def test_a_chosen_watermark_is_left_below_itself():
    assert all(one.leave_percent < one.percent for one in thresholds({"watch": 60.0, "low": 70.0, "high": 75.0}))

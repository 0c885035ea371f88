"""What counts as lost, late and twice, and what is said of the last minute."""

from random import Random

import pytest

from nodeops.mesh.window import RECENT_SECONDS, TIMEOUT_SECONDS, Window


def filled(answers):
    """Return a window that asked once a second; `answers` are the seconds each answer took, None for none."""
    window = Window()
    for number, took in enumerate(answers):
        window.asked(number, float(number))
        if took is not None and took <= TIMEOUT_SECONDS:
            window.answered(number, number + took, took)
        window.look(float(number))
    return window


def test_what_is_under_way_is_not_lost():
    window = Window()
    window.asked(1, 0.0)
    window.look(TIMEOUT_SECONDS)
    assert (window.counts.lost, window.view(TIMEOUT_SECONDS).ended) == (0, 0)
    window.look(TIMEOUT_SECONDS + 0.1)
    assert (window.counts.lost, window.view(TIMEOUT_SECONDS + 0.1).lost) == (1, 1)


def test_a_late_answer_stays_lost_and_is_said_late():
    window = Window()
    window.asked(1, 0.0)
    window.look(3.0)
    window.answered(1, 3.5, 3.5)
    window.answered(1, 3.6, 3.6)
    counts = window.counts
    assert (counts.sent, counts.answered, counts.lost, counts.late, counts.duplicate) == (1, 0, 1, 1, 1)
    assert window.view(4.0).silent_seconds == pytest.approx(0.5)


def test_an_answer_after_the_time_is_late_whether_or_not_anybody_looked_meanwhile():
    window = Window()
    window.asked(1, 0.0)
    window.answered(1, TIMEOUT_SECONDS + 0.7, TIMEOUT_SECONDS + 0.7)
    window.look(TIMEOUT_SECONDS + 1)
    assert (window.counts.answered, window.counts.lost, window.counts.late) == (0, 1, 1)
    assert window.view(TIMEOUT_SECONDS + 1).rtt_median is None


def test_a_second_answer_is_counted_and_not_measured():
    window = filled([0.1])
    window.answered(0, 0.2, 0.2)
    assert (window.counts.duplicate, window.view(1.0).rtt_median) == (1, 0.1)


def test_an_answer_to_nothing_is_a_duplicate_and_not_an_error():
    window = Window()
    window.answered(99, 1.0, 0.1)
    assert (window.counts.duplicate, window.view(1.0).rtt_median) == (1, None)


def test_the_last_minute_is_shown_and_no_more_remembered():
    window = filled([0.01] * 300 + [0.05] * 60)
    view = window.view(359.0)
    assert (view.rtt_median, view.rtt_p99) == (0.05, 0.05)
    assert RECENT_SECONDS - 3 <= view.ended <= RECENT_SECONDS + 2
    assert len(window._ended) <= RECENT_SECONDS + 2
    assert len(window._asked) < 50


def test_every_question_has_one_fate():
    draw = Random(4)
    window = filled([draw.choice([0.01, 0.5, None]) for _ in range(500)])
    window.look(600.0)
    counts = window.counts
    assert counts.sent == counts.answered + counts.lost == 500
    assert counts.lost > 100


def test_jitter_is_the_smoothed_difference():
    assert filled([0.1] * 20).jitter == 0
    # RFC 3550: towards the mean difference of two transit times, here 20 ms.
    assert filled([0.1, 0.12] * 200).jitter == pytest.approx(0.02, rel=0.01)

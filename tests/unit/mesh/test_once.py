"""A question is new once, though packets overtake each other, runs begin anew, and somebody sends again what was sent."""

import random

import pytest

from nodeops.mesh.once import MOST_RUNS, WINDOW_NUMBERS, Once

RUN = b"r" * 8
CASES = {
    "the first of a run, whatever its number": ([], 7, True),
    "the same again": ([7], 7, False),
    "the next": ([7], 8, True),
    "overtaken": ([9], 8, True),
    "overtaken, again": ([9, 8], 8, False),
    "the last in the window": ([WINDOW_NUMBERS], 1, True),
    "too old to tell": ([WINDOW_NUMBERS + 1], 1, False),
    "seen before a leap": ([1, 2**64 - 1], 1, False),
    "the largest of all again": ([1, 2**64 - 1], 2**64 - 1, False),
    "just before a leap": ([1, WINDOW_NUMBERS], 1, False),
}


@pytest.mark.parametrize(("before", "number", "new"), CASES.values(), ids=CASES)
def test_what_is_new(before, number, new):
    once = Once()
    for one in before:
        assert once.take(RUN, one)
    assert once.take(RUN, number) is new


def test_each_of_many_that_overtake_each_other_is_taken_once():
    dice, once = random.Random(1), Once()
    sent = sorted(range(5_000), key=lambda number: number + dice.uniform(0, WINDOW_NUMBERS / 2))
    assert [once.take(RUN, one) for one in sent] == [True] * len(sent)
    assert not any(once.take(RUN, dice.randrange(5_000)) for _ in range(10_000))


def test_earlier_runs_stay_known_beside_the_one_that_lives_and_no_more_of_them_than_so_many():
    once = Once()
    for run in range(MOST_RUNS):
        assert once.take(bytes([run] * 8), 100)
    assert not any(once.take(bytes([run] * 8), 100) for run in range(MOST_RUNS))
    # The one that goes on asking is not the one that is forgotten.
    for number, run in enumerate(range(100, 200)):
        assert once.take(bytes([0] * 8), 101 + number)
        assert once.take(bytes([run] * 8), 1)
    assert not once.take(bytes([0] * 8), 101)
    assert len(once._runs) == MOST_RUNS

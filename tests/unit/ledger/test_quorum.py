"""Quorum arithmetic: every count of equal validators from one to ten, and uneven powers, by the profile's own rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.document.profile import Quorum, load_profile
from nodeops.ledger.quorum import can_lose, margin, needed

RULE = load_profile("cometbft").quorum
MAJORITY = Quorum(numerator=1, denominator=2, why="more than half")


@pytest.mark.parametrize(
    ("validators", "quorum"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (8, 6), (9, 7), (10, 7)]
)
def test_more_than_two_thirds_of_equal_validators(validators: int, quorum: int) -> None:
    assert needed(validators, RULE) == quorum
    assert margin(validators, validators, RULE) == validators - quorum


@pytest.mark.parametrize(("validators", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 4)])
def test_a_family_with_another_rule(validators: int, quorum: int) -> None:
    assert needed(validators, MAJORITY) == quorum


@pytest.mark.parametrize(
    ("power", "live", "total", "can"),
    [
        (1, 7, 7, True),
        (2, 7, 7, True),
        (3, 7, 7, False),
        (1, 5, 7, False),
        (0, 5, 7, True),
        (0, 4, 7, False),
        (10, 30, 30, False),
        (9, 30, 30, True),
        (5, 13, 13, False),
        (4, 13, 13, True),
        (1, 1, 1, False),
        (0, 0, 0, False),
    ],
)
def test_what_may_be_lost_is_counted_in_power_not_in_nodes(power: int, live: int, total: int, can: bool) -> None:
    assert can_lose(power, live, total, RULE) is can


@pytest.mark.parametrize(("live", "total", "spare"), [(7, 7, 2), (5, 7, 0), (4, 7, -1), (0, 7, -5), (0, 0, -1), (21, 30, 0)])
def test_margin(live: int, total: int, spare: int) -> None:
    assert margin(live, total, RULE) == spare


@given(st.integers(1, 10**18))
def test_needed_is_the_least_whole_number_above_two_thirds(total: int) -> None:
    least = needed(total, RULE)
    assert 3 * least > 2 * total >= 3 * (least - 1)

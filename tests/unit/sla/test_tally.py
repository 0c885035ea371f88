"""What a slice was for a node, by tables."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.quorum.lease.policy import Lease
from nodeops.sla.period import Period
from nodeops.sla.tally import State, excused
from tests.unit.sla.samples import ALL, ONE, OTHER, PERIOD, TWO, block, lease, tally

HALF = Fraction(1, 2)
GOOD, BAD, MAINTENANCE, NETWORK = State.GOOD, State.BAD, State.MAINTENANCE, State.NETWORK


@pytest.mark.parametrize(
    ("voted", "blocks", "share", "state"),
    [
        (10, 10, HALF, GOOD),
        (5, 10, HALF, GOOD),
        (4, 10, HALF, BAD),
        (0, 1, HALF, BAD),
        (1, 2, HALF, GOOD),
        (1, 3, HALF, BAD),
        (2, 3, Fraction(2, 3), GOOD),
        (9, 10, Fraction(1), BAD),
        (0, 0, HALF, NETWORK),
    ],
)
def test_a_slice_is_good_from_the_agreed_share_of_votes_on(voted: int, blocks: int, share: Fraction, state: State) -> None:
    found = tally(*(block(20 + number, *([ONE] if number < voted else [])) for number in range(blocks)), block(0, ONE))
    assert found.states(ONE, share)[2] is state


def test_blocks_belong_to_the_slice_of_their_own_time() -> None:
    found = tally(block(9), block(10, ONE), block(19, ONE), block(20))
    assert found.states(ONE, HALF)[:4] == [BAD, GOOD, BAD, NETWORK]
    assert (list(found.lowest[:3]), list(found.highest[:3])) == ([1009, 1010, 1020], [1009, 1019, 1020])


def test_the_order_of_blocks_is_all_the_same() -> None:
    blocks = [block(second, *([ONE] if second % 3 else [TWO])) for second in range(100)]
    forwards, backwards = tally(*blocks), tally(*reversed(blocks))
    assert forwards.states(ONE, HALF) == backwards.states(ONE, HALF)
    assert (forwards.lowest, forwards.highest) == (backwards.lowest, backwards.highest)


def test_who_joins_is_measured_from_its_first_power_on_and_who_leaves_still() -> None:
    without = ALL - {ONE}
    found = tally(
        block(5, validators=without), block(25, ONE, validators=ALL), block(26, validators=without), block(35, validators=without)
    )
    assert found.states(ONE, HALF)[:5] == [State.NOT_YET, State.NOT_YET, GOOD, State.UNMEASURED, NETWORK]
    assert found.states(TWO, HALF)[:2] == [BAD, NETWORK]
    assert tally(block(5, validators=without)).states(ONE, HALF) == [State.NOT_YET] * 10


def test_who_had_power_before_the_period_is_measured_from_its_start() -> None:
    found = tally(block(25, ONE))
    assert found.states(ONE, HALF)[:3] == [State.NOT_YET, State.NOT_YET, GOOD]
    found.before(block(0, validators=ALL - {TWO}))
    assert found.states(ONE, HALF)[:3] == [NETWORK, NETWORK, GOOD]
    assert found.states(TWO, HALF)[:3] == [State.NOT_YET, State.NOT_YET, BAD]


def test_who_left_votes_out_is_counted() -> None:
    found = tally(block(1, kept_by=TWO), block(2, kept_by=TWO), block(3, ONE, kept_by=OTHER))
    assert dict(found.nodes[ONE].left_out_by) == {TWO: 2}
    assert dict(found.nodes[TWO].left_out_by) == {TWO: 2, OTHER: 1}


# States before, leases (seconds of the period), seconds of notice, most seconds, and the slices that become maintenance.
EXCUSED = {
    "covered": ([lease(-100, 100)], 0, 100, [1, 2, 3]),
    "without a lease": ([], 0, 100, []),
    "committed as a slice begins": ([lease(10, 100)], 0, 100, [1, 2, 3]),
    "committed within a slice": ([lease(11, 100)], 0, 100, [2, 3]),
    "ends within a slice": ([lease(-100, 39)], 0, 100, [1, 2]),
    "ends with a slice": ([lease(-100, 40)], 0, 100, [1, 2, 3]),
    "too short notice": ([lease(0, 100)], 30, 100, [3]),
    "notice to the second": ([lease(-10, 100)], 20, 100, [1, 2, 3]),
    "more than was agreed": ([lease(-100, 100)], 0, 20, [1, 2]),
    "less than a slice was agreed": ([lease(-100, 100)], 0, 9, []),
    "two leases": ([lease(-100, 20), lease(25, 100)], 0, 100, [1, 3]),
}


@pytest.mark.parametrize(("leases", "notice", "most", "slices"), EXCUSED.values(), ids=EXCUSED)
def test_what_is_bad_is_maintenance_under_a_lease_in_time(leases: list[Lease], notice: int, most: int, slices: list[int]) -> None:
    states = [GOOD, BAD, BAD, BAD, GOOD, NETWORK, GOOD, GOOD, GOOD, GOOD]
    found, by = excused(PERIOD, states, leases, notice, most)
    assert [number for number, state in enumerate(found) if state is MAINTENANCE] == slices == sorted(by)
    assert [one for number, one in enumerate(found) if number not in slices] == [
        one for number, one in enumerate(states) if number not in slices
    ]


@given(st.lists(st.sampled_from([GOOD, BAD, NETWORK]), min_size=10, max_size=10), st.integers(0, 120), st.integers(0, 60))
def test_a_lease_never_makes_anything_good_and_never_excuses_more_than_agreed(
    states: list[State], most: int, notice: int
) -> None:
    found, _ = excused(PERIOD, states, [lease(-20, 70)], notice, most)
    changed = [(was, is_) for was, is_ in zip(states, found, strict=True) if was is not is_]
    assert set(changed) <= {(BAD, MAINTENANCE)}
    assert len(changed) * PERIOD.slice_seconds <= most


def test_a_last_slice_that_is_shorter() -> None:
    period = Period("x", "UTC", PERIOD.start, PERIOD.start + 25, 10)
    assert excused(period, [GOOD, GOOD, BAD], [lease(0, 25)], 0, 5)[0][2] is MAINTENANCE

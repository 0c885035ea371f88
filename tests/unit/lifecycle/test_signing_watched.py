"""What tests on hosts say of a signing state that was watched must be able to fail: nobody may sign a height twice."""

import pytest
import signing

# Heights, rounds and steps as they were seen; whether that is fine.
WATCHED = {
    "it votes on": ([[7, 0, 2], [7, 0, 3], [8, 0, 2], [8, 1, 3]], True),
    "reset, and on from there: above where it began at the end": ([[7, 0, 3], [8, 0, 3], [0, 0, 0], [9, 0, 3]], False),
    "gone for a moment": ([[7, 0, 3], [0, 0, 0], [7, 0, 3], [8, 0, 3]], False),
    "taken back with its block": ([[7, 0, 3], [8, 0, 3], [7, 0, 3], [9, 0, 3]], False),
    "a round lower": ([[7, 1, 2], [7, 1, 3], [7, 0, 3], [8, 0, 3]], False),
    "a step lower": ([[7, 0, 2], [7, 0, 3], [7, 0, 2], [8, 0, 3]], False),
    "it never voted again": ([[7, 0, 3]], False),
    "nothing was seen": ([], False),
}


@pytest.mark.parametrize(("states", "fine"), WATCHED.values(), ids=WATCHED)
def test_a_signing_state_that_fell_is_noticed(states: list[list[int]], fine: bool) -> None:
    if fine:
        signing.assert_never_fell(states)
    else:
        with pytest.raises(AssertionError):
            signing.assert_never_fell(states)

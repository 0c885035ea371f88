"""Holds: who, why, from when to when; what cannot be read holds everything."""

import pytest

from nodeops.core.errors import HostError, InputError
from nodeops.disk.policy.retention import dumped_holds, is_held, loaded_holds, new_hold, released
from tests.unit.disk.samples import NOW, hold, segment


@pytest.mark.parametrize(
    ("since", "until", "owner", "reason"),
    [
        (2, 1, "Zhang", "audit"),
        (1, 1, "Zhang", "audit"),
        (0, float("nan"), "Zhang", "audit"),
        (1, 2, " ", "audit"),
        (1, 2, "Zhang", "\x1b[2J"),
    ],
)
def test_a_hold_that_says_nothing_is_refused(since, until, owner, reason):
    with pytest.raises(InputError, match="hold"):
        new_hold(since, until, owner, reason, [], NOW)


def test_holds_are_numbered_kept_and_released():
    first = new_hold(1, 2, "Zhang Wei", "an audit", [], NOW)
    second = new_hold(1, 2, "Zhang Wei", "an audit", [first], NOW)
    assert [one.id for one in loaded_holds(dumped_holds([first, second]), "holds.json")] == ["h1", "h2"]
    assert released([first, second], "h1") == [second]
    with pytest.raises(InputError, match="h7"):
        released([first], "h7")


@pytest.mark.parametrize(
    ("since", "until", "kept"), [(NOW - 4000, NOW - 3600, True), (NOW - 1800, NOW, True), (NOW - 1799, NOW, False), (1, 2, False)]
)
def test_an_overlap_holds(since, until, kept):
    assert is_held(segment(0), [hold(since, until)]) is kept


def test_a_segment_of_unknown_time_is_held_by_any():
    assert is_held(segment(0, began=0.0), [hold(1, 2)])


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'[{"id": "h1"}]'])
def test_damaged_holds_are_an_error(data):
    with pytest.raises(HostError, match="nothing is purged"):
        loaded_holds(data, "holds.json")

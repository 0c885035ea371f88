"""The quorum gate: who may stop, who is needed, and that no two stop in each other's turn."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.document.profile import load_profile
from nodeops.ledger.node.status import LIVE_WINDOW
from nodeops.quorum.policy import Standing, passage

RULE = load_profile("cometbft").quorum
NAMES = [f"{number:040X}" for number in range(1, 8)]
SEVEN = Standing(100, True, NAMES[0], dict.fromkeys(NAMES, 1), frozenset(NAMES))
TURN = 20


def verdict(seen: Standing, block_seconds: float = 1.0) -> str:
    return passage(seen, RULE, block_seconds).verdict


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (replace(SEVEN, height=0), "open"),
        (replace(SEVEN, height=TURN), "wait"),
        (replace(SEVEN, live=frozenset(NAMES[:5])), "closed"),
        (replace(SEVEN, live=frozenset(NAMES[:6]), height=7 * TURN), "open"),
        (replace(SEVEN, live=frozenset(NAMES[1:6])), "open"),
        (replace(SEVEN, own="A witness"), "open"),
        (replace(SEVEN, moving=False, live=frozenset(NAMES[:4])), "open"),
        (replace(SEVEN, powers={**SEVEN.powers, NAMES[0]: 3}, height=0), "closed"),
        (replace(SEVEN, powers={NAMES[0]: 1}, live=frozenset(NAMES[:1]), height=0), "closed"),
        (replace(SEVEN, powers={}, live=frozenset()), "open"),
    ],
    ids=["turn", "another's turn", "no margin", "margin", "silent itself", "witness", "halted", "heavy", "alone", "no set"],
)
def test_who_may_stop(seen: Standing, expected: str) -> None:
    assert verdict(seen) == expected


def test_why_is_said_in_numbers() -> None:
    found = passage(replace(SEVEN, live=frozenset(NAMES[:5])), RULE, 1.0)
    assert found.why == "5 of 7 voting power is live, 5 needed, 1 is this node's"
    found = passage(replace(SEVEN, height=25, own=NAMES[3]), RULE, 1.0)
    assert (found.verdict, found.height) == ("wait", 60)
    assert found.why.endswith("its turn is at height 60")


@given(st.integers(0, 10**9), st.integers(1, 30), st.floats(0.05, 60.0))
def test_at_each_height_at_most_one_may_stop_and_each_has_its_turn(height: int, count: int, block_seconds: float) -> None:
    names = [f"{number:040X}" for number in range(count)]
    seen = Standing(height, True, "", dict.fromkeys(names, 1), frozenset(names))
    found = {name: passage(replace(seen, own=name), RULE, block_seconds) for name in names}
    assert sum(one.verdict == "open" for one in found.values()) <= 1
    for name, one in found.items():
        if one.verdict == "wait":
            assert one.height is not None and one.height > height
            assert verdict(replace(seen, own=name, height=one.height), block_seconds) == "open"


@given(st.integers(0, 200), st.floats(0.05, 60.0))
def test_who_stops_in_its_turn_is_missed_before_the_next_one_begins(height: int, block_seconds: float) -> None:
    here = replace(SEVEN, height=height)
    if verdict(here, block_seconds) == "open":
        others = [replace(here, own=name, height=height + more) for name in NAMES[1:] for more in range(LIVE_WINDOW + 2)]
        assert {verdict(one, block_seconds) for one in others} == {"wait"}

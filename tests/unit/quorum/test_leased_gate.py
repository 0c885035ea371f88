"""The gate where leases hold: who leaves power to whom, who need not wait, and that all who go at once are never too many."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.ledger.quorum import can_lose
from nodeops.quorum.lease.policy import reading
from nodeops.quorum.lease.promised import for_node
from nodeops.quorum.lease.terms import Terms
from nodeops.quorum.policy import Leases, Request, Reserved, Standing, leave
from tests.unit.quorum.lease.samples import OWNERS, RULE, START, acquire, said
from tests.unit.quorum.test_policy import NAMES, TURN
from tests.unit.quorum.test_policy import SEVEN as ANY_TURN

SEVEN = replace(ANY_TURN, height=7 * TURN)
OTHERS_TURN = replace(SEVEN, height=TURN)
WX = Reserved("wx-1", "wanxiang", "12:00", 1)
IN = Reserved("wi-1", "institute", "12:00", 1)
BY_HAND, ROLL, MEND = Request(), Request(elsewhere=0), Request(elsewhere=0, chain_stands=True)


def leased(seen: Standing, *others: Reserved, since: int | None = None) -> Standing:
    return replace(seen, leases=Leases(others, since))


@pytest.mark.parametrize(
    ("request_", "seen", "expected"),
    [
        (BY_HAND, leased(SEVEN, WX), "open"),
        (BY_HAND, leased(OTHERS_TURN, WX), "wait"),
        (BY_HAND, leased(SEVEN, WX, IN), "leased"),
        (ROLL, leased(SEVEN, WX, IN), "leased"),
        (MEND, leased(SEVEN, WX, IN), "leased"),
        (ROLL, leased(OTHERS_TURN, WX), "open"),
        (Request(elsewhere=1), leased(OTHERS_TURN, WX), "wait"),
        (Request(force="the disk burns"), leased(SEVEN, WX, IN), "open"),
        (BY_HAND, leased(OTHERS_TURN, since=TURN - 12), "open"),
        (BY_HAND, leased(OTHERS_TURN, since=TURN - 11), "wait"),
        (BY_HAND, leased(OTHERS_TURN, WX, since=TURN - 12), "open"),
        (BY_HAND, leased(OTHERS_TURN, replace(WX, ahead=False), replace(IN, ahead=False), since=TURN - 12), "open"),
        (BY_HAND, leased(replace(SEVEN, live=frozenset(NAMES[:6])), WX, since=0), "leased"),
        (BY_HAND, leased(replace(SEVEN, live=frozenset(NAMES[:6])), replace(WX, ahead=False), since=0), "open"),
        (BY_HAND, leased(replace(SEVEN, live=frozenset(NAMES[:5])), since=0), "closed"),
        (BY_HAND, leased(replace(SEVEN, live=frozenset(NAMES[1:])), WX, IN), "open"),
        (BY_HAND, leased(replace(SEVEN, own="A witness"), WX, IN), "open"),
        (BY_HAND, leased(replace(SEVEN, moving=False), WX, IN), "stands"),
        (MEND, leased(replace(SEVEN, moving=False), WX, IN), "open"),
    ],
    ids=[
        *("room for both, its turn", "room for both", "no room", "no room in a roll", "no room, the word is for another case"),
        *("a roll, room for both", "a roll, and others'", "forced"),
        *("its own, all have read it", "its own, too new", "its own, room for both", "its own, others are later"),
        *("one is gone, another is first", "one is gone, it is first", "the others need it", "silent itself", "witness"),
        *("stands", "stands, told to"),
    ],
)
def test_who_may_be_restarted_beside_leases(request_: Request, seen: Standing, expected: str) -> None:
    assert leave(request_, seen, RULE, 1.0).verdict == expected


def test_why_is_said_in_numbers_and_names() -> None:
    counted = "7 of 7 voting power is live, 5 needed, 1 is this node's"
    found = leave(BY_HAND, leased(SEVEN, WX, IN), RULE, 1.0)
    assert found.why == f"{counted}, 2 is under leases of others: wx-1 (wanxiang) until 12:00, wi-1 (institute) until 12:00"
    forced = leave(Request(force="the disk burns"), leased(SEVEN, WX, IN), RULE, 1.0)
    assert (forced.why, forced.forced) == (f"{found.why}; forced: the disk burns", f"leased: {found.why}")
    assert leave(BY_HAND, leased(OTHERS_TURN, since=TURN - 1), RULE, 1.0).why == f"{counted}; its lease lets it go at height 31"
    assert leave(BY_HAND, leased(OTHERS_TURN, since=TURN - 12), RULE, 1.0).why == f"{counted}; it has a lease since height 8"


def test_force_is_not_written_down_where_the_gate_is_open() -> None:
    assert leave(Request(force="x"), SEVEN, RULE, 1.0).forced == ""
    assert leave(Request(force="x"), None, RULE, 1.0).forced.startswith("silent: ")
    assert leave(Request(force="x"), replace(SEVEN, live=frozenset(NAMES[:5])), RULE, 1.0).forced.startswith("closed: ")


def test_leases_that_cannot_be_read_count_for_nothing_and_that_is_said() -> None:
    found = leave(BY_HAND, replace(SEVEN, leases=Leases(unsure="a gap")), RULE, 1.0)
    assert (found.verdict, found.why.partition("; ")[2]) == (
        "open",
        "leases may not all be known, so none gives it a right: a gap",
    )


ADDRESSES = dict(zip(sorted(OWNERS), NAMES, strict=True))
BOTH = [said(0, "b", acquire("b-1")), said(5, "c", acquire("c-1"))]


@pytest.mark.parametrize(
    ("node", "live", "known", "expected"),
    [
        ("a-1", NAMES, ADDRESSES, Leases([WX, WX], None)),
        ("a-1", [name for name in NAMES if name != ADDRESSES["b-1"]], ADDRESSES, Leases([WX], None)),
        ("a-1", [name for name in NAMES if name != ADDRESSES["b-1"]], {}, Leases([WX, WX], None)),
        ("b-1", NAMES, ADDRESSES, Leases([replace(WX, ahead=False)], 2)),
        ("c-1", NAMES, ADDRESSES, Leases([WX], 7)),
    ],
    ids=["none itself", "one is gone already", "nobody knows who is gone", "the first", "the second"],
)
def test_what_leases_mean_for_a_node(node: str, live: list[str], known: dict[str, str], expected: Leases) -> None:
    terms = Terms(OWNERS, dict.fromkeys(OWNERS, 1), 2)
    found = for_node(reading(BOTH, terms, 20, START + 10), node, known, replace(SEVEN, live=frozenset(live)))
    assert ([one.ahead for one in found.others], found.since) == ([one.ahead for one in expected.others], expected.since)
    gone = for_node(reading(BOTH, terms, 20, START + 3600), node, known, SEVEN)
    assert [one.node for one in gone.others] == ["c-1"] * (node != "c-1")


@st.composite
def _chains(draw: st.DrawFn) -> tuple[Standing, list[str]]:
    """Return a chain that moves, and the validators under leases in the ledger's order."""
    powers = dict(zip(NAMES, draw(st.lists(st.integers(1, 4), min_size=7, max_size=7)), strict=True))
    live = frozenset(draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)))
    seen = Standing(draw(st.integers(100, 1000)), True, "", powers, live)
    leases: list[str] = []
    total = sum(powers.values())
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3)):
        if can_lose(sum(powers[one] for one in [*leases, name]), total, total, RULE):
            leases.append(name)
    return seen, leases


@given(_chains(), st.data())
def test_all_whom_the_gate_lets_go_at_one_height_leave_a_quorum(chain: tuple[Standing, list[str]], data: st.DataObject) -> None:
    """By hand, at the same height, with the same sight: whoever holds a lease, and whoever has its turn."""
    seen, order = chain
    going = 0
    total, live = sum(seen.powers.values()), sum(power for name, power in seen.powers.items() if name in seen.live)
    for name in sorted(seen.live):
        found = leave(
            BY_HAND, replace(seen, own=name, leases=_leases_of(name, order, seen, data.draw(st.integers(0, 40)))), RULE, 1.0
        )
        pauses = "pauses until it is back" in found.why
        going += seen.powers[name] if found.verdict == "open" and not pauses else 0
    assert not going or can_lose(going, live, total, RULE)


@given(_chains())
def test_where_the_chain_can_lose_one_somebody_may_go_or_wait_and_leases_lock_nobody_out_together(
    chain: tuple[Standing, list[str]],
) -> None:
    """The first in order is never told to wait for the others' leases: no two leases wait for each other."""
    seen, order = chain
    signing = [name for name in order if name in seen.live]
    if signing:
        first = leave(BY_HAND, replace(seen, own=signing[0], leases=_leases_of(signing[0], order, seen, 40)), RULE, 1.0)
        total, live = sum(seen.powers.values()), sum(power for name, power in seen.powers.items() if name in seen.live)
        assert (first.verdict == "open") == can_lose(seen.powers[signing[0]], live, total, RULE)


def _leases_of(name: str, order: list[str], seen: Standing, age: int) -> Leases:
    place = order.index(name) if name in order else len(order)
    others = [
        Reserved(one, "other", "12:00", seen.powers[one], ahead=number < place)
        for number, one in enumerate(order)
        if one != name and one in seen.live
    ]
    return Leases(others, seen.height - age if name in order else None)

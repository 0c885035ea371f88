"""The newest proven block decides: what a node that lags or lies can do, this host's own and another organisation's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.finding import Verdict
from nodeops.document.models import Member
from nodeops.ledger.cometbft.recorded import Recorded
from nodeops.quorum.newest import Compared, Pace, Told, compared, to_ask
from nodeops.quorum.policy import Request, Standing, leave
from tests.unit.quorum.test_policy import RULE

FOUR = ("A", "B", "C", "D")
NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
PACE = Pace(NOW.timestamp(), 30.0, 1.0)
POWERS = dict.fromkeys(FOUR, 1)
SHOWN = Standing(100, True, "A", POWERS, frozenset(FOUR))
OLD = replace(SHOWN, moving=False)
BESIDE = Request(elsewhere=0)


def proven(height: int, live: str = "ABCD", age: float = 1.0) -> Recorded:
    return Recorded(height, NOW - timedelta(seconds=age), POWERS, frozenset(live))


def own(block: Recorded | None, why: str = "") -> Told:
    return Told("alpha-1", "alpha", block.height if block else 100, block, why)


def other(block: Recorded | None, claimed: int | None = None, why: str = "", name: str = "beta-1") -> Told:
    return Told(name, "beta", block.height if block and claimed is None else claimed, block, why)


def odd(found: Compared) -> list[str]:
    return [one.id for one in found.findings if one.verdict is not Verdict.PASS]


REFUSED = "does not answer: connection refused"
CASES = {
    "both prove the same": (SHOWN, own(proven(100)), [other(proven(100))], "open", []),
    "another is a block ahead": (SHOWN, own(proven(100)), [other(proven(101))], "open", []),
    "another is ahead, and who is live has changed": (SHOWN, own(proven(100)), [other(proven(104, "ABC"))], "closed", []),
    "another lags, or keeps back": (SHOWN, own(proven(100)), [other(proven(40, "AB", age=60.0))], "open", []),
    "this node lags": (SHOWN, own(proven(100)), [other(proven(140, "ABC"))], "closed", ["quorum.lags"]),
    "this node lags, and the others do without it": (
        OLD,
        own(proven(40, age=100.0)),
        [other(proven(140, "BCD"))],
        "open",
        ["quorum.lags"],
    ),
    "this node shows a chain that stands, and votes where it moves": (
        OLD,
        own(proven(40, age=100.0)),
        [other(proven(140, "ABC"))],
        "closed",
        ["quorum.lags"],
    ),
    "this node shows what it cannot prove": (
        SHOWN,
        own(None, "signatures"),
        [other(proven(90, "ABC"))],
        "closed",
        ["quorum.own"],
    ),
    "this node proves something else than it says": (SHOWN, own(proven(99, "ABC")), [other(proven(99))], "closed", []),
    "another claims more and proves nothing": (
        SHOWN,
        own(proven(100)),
        [other(None, 10**9, "the ledger says: no")],
        "open",
        ["quorum.claims", "quorum.others"],
    ),
    "another claims more than it proves": (SHOWN, own(proven(100)), [other(proven(99), 10**9)], "open", ["quorum.claims"]),
    "another does not answer": (SHOWN, own(proven(100)), [other(None, None, REFUSED)], "open", ["quorum.others"]),
    "one lies, one proves": (
        SHOWN,
        own(proven(100)),
        [other(None, 10**9, "signatures"), other(proven(130, "ABC"), name="beta-2")],
        "closed",
        ["quorum.lags", "quorum.claims"],
    ),
    "nobody else is named": (SHOWN, own(proven(100)), [], "open", ["quorum.others"]),
    "nobody proves anything": (
        SHOWN,
        own(None, "no genesis"),
        [other(None, 100, "no genesis")],
        "open",
        ["quorum.own", "quorum.others"],
    ),
    "the clock of this host is wrong, and blocks came while it watched": (
        SHOWN,
        own(proven(100, "ABC", age=3600.0)),
        [other(proven(101, "ABC", age=3599.0))],
        "closed",
        ["quorum.clock"],
    ),
    "its own word that blocks come does not go for blocks that it has not": (
        SHOWN,
        own(proven(100, age=200.0)),
        [other(proven(140, "ABC", age=90.0))],
        "stands",
        ["quorum.lags"],
    ),
    "the chain stands for all": (OLD, own(proven(100, age=90.0)), [other(proven(100, age=90.0))], "stands", []),
    "its own word that it is behind is not borne out, and is as good as without others": (
        replace(OLD, behind=True),
        own(proven(100, age=90.0)),
        [other(proven(100, age=90.0))],
        "open",
        [],
    ),
    "the chain stands further up, without this node": (
        OLD,
        own(proven(100, age=200.0)),
        [other(proven(120, "BCD", age=90.0))],
        "open",
        ["quorum.lags"],
    ),
    "the chain stands further up, and this node's vote is there": (
        OLD,
        own(proven(100, age=200.0)),
        [other(proven(120, "ABC", age=90.0))],
        "stands",
        ["quorum.lags"],
    ),
}


@pytest.mark.parametrize(("shown", "its", "others", "verdict", "ids"), CASES.values(), ids=CASES)
def test_the_newest_proven_block_decides(shown: Standing, its: Told, others: list[Told], verdict: str, ids: list[str]) -> None:
    found = compared(shown, its, others, PACE)
    assert leave(BESIDE, found.seen, RULE, 1.0).verdict == verdict
    assert (odd(found), found.own, found.lags) == (ids, shown, "quorum.lags" in ids or ids == ["quorum.own"])


def test_what_is_odd_is_said_with_name_organisation_and_heights() -> None:
    lags = compared(SHOWN, own(proven(100)), [other(proven(140)), other(None, 900, "signatures", "beta-2")], PACE)
    assert lags.said() == (
        "this node shows height 100, beta-1 (beta) proves 140: judged by that; "
        "beta-2 (beta) claims height 900 and proves nothing: signatures"
    )
    for age, word in ((3600.0, "3600 s old"), (-90.0, "90 s ahead")):
        clock = compared(SHOWN, own(proven(100, age=age)), [], PACE, alone=True)
        assert clock.said() == f"blocks come, and by this host's clock the newest is {word}"
    alone = compared(SHOWN, own(proven(100)), [other(None, None, REFUSED)], PACE)
    assert alone.said() == f"judged by alpha-1 (alpha) alone: beta-1 (beta): {REFUSED}"
    nobody = compared(SHOWN, own(proven(100)), [], PACE)
    assert nobody.said() == "judged by alpha-1 (alpha) alone: the file names no node of another organisation that answers members"
    unproven = compared(SHOWN, own(None, "no genesis"), [other(proven(99))], PACE).said()
    assert unproven == (
        "this node proves nothing of what it shows at height 100: no genesis; judged by what beta-1 (beta) proves at height 99"
    )


def test_one_organisation_alone_has_nobody_to_ask_and_nothing_is_said() -> None:
    assert compared(SHOWN, own(proven(100)), [], PACE, alone=True).said() == ""


def test_on_a_quick_chain_more_blocks_are_no_lag() -> None:
    quick = replace(PACE, block_seconds=0.3)
    assert (PACE.ahead, quick.ahead) == (6, 13)
    assert odd(compared(SHOWN, own(proven(100)), [other(proven(112))], quick)) == []
    assert odd(compared(SHOWN, own(proven(100)), [other(proven(114))], quick)) == ["quorum.lags"]


blocks = st.builds(
    proven, st.integers(1, 300), st.sets(st.sampled_from(FOUR)).map(lambda found: "".join(sorted(found))), st.floats(0, 100)
)
tolds = st.builds(other, st.none() | blocks, st.none() | st.integers(0, 10**9), st.just("why"))


@given(blocks, st.lists(tolds, max_size=4))
def test_whatever_others_say_nothing_older_than_what_this_node_proves_is_judged_by(block: Recorded, others: list[Told]) -> None:
    found = compared(SHOWN, own(block), others, PACE)
    newest = max([block.height, *(one.proven.height for one in others if one.proven)])
    assert found.seen.height == newest
    if newest == block.height:
        assert found.seen.live == block.voted


@given(st.lists(tolds, max_size=4), st.integers(101, 10**9))
def test_what_nobody_proves_changes_nothing_but_words(others: list[Told], claimed: int) -> None:
    liars = [replace(one, proven=None, claimed=claimed) for one in others]
    assert compared(SHOWN, own(proven(100)), liars, PACE).seen == compared(SHOWN, own(proven(100)), [], PACE).seen


def member(name: str, answers: bool = True) -> Member:
    return Member(name=name, organisation=name[0], duty="validator", power=1, address="192.0.2.1", answers_members=answers)


def test_one_node_of_each_other_organisation_is_asked_first_and_none_of_ones_own() -> None:
    members = [member(name) for name in ("a-1", "a-2", "b-1", "b-2", "b-3", "c-1")] + [member("d-1", answers=False)]
    assert [one.name for one in to_ask(members, members[0], 3)] == ["b-1", "c-1", "b-2"]
    assert [one.name for one in to_ask(members, members[5], 8)] == ["a-1", "b-1", "a-2", "b-2", "b-3"]
    assert to_ask(members[:2], members[0], 8) == []

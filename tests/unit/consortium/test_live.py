"""Whether those that sign now commit blocks once a proposal's orders were executed: a table, and the way past it."""

import itertools
from collections.abc import Collection
from dataclasses import replace

import pytest

from nodeops.consortium.live import FORCED, despite, forced_text, judged, shifts, untold
from nodeops.consortium.orders import Ground, Registered
from nodeops.consortium.review import Case, vote_lines
from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.reason import forced_reason
from nodeops.document.profile import load_profile
from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.app_state import COINS_PER_POWER
from nodeops.ledger.cosmos.group_state import Cast
from nodeops.ledger.cosmos.messages import Coin, Delegate, Moment, Packed, Undelegate, pack, schedule_upgrade
from tests.unit.consortium.samples import first
from tests.unit.consortium.test_orders import MEMBERS, POLICY, PROPOSAL

RULE = load_profile("cosmos").quorum
SEVEN = ("alpha-1", "alpha-2", "beta-1", "beta-2", "gamma-1", "gamma-2", "gamma-3")


def moved(node: str, power: int) -> Packed:
    amount = Coin(amount=str(abs(power) * COINS_PER_POWER))
    return pack((Delegate if power > 0 else Undelegate)(policy_address(), f"op {node}", amount))


def found(names: Collection[str], silent: Collection[str], *orders: Packed, shut_out: Collection[str] = ()) -> list[Finding]:
    """Return what is said of validators of power 1 (of 0: those that begin with "new"), some of which are silent."""
    known = {
        name: Registered(f"op {name}", 0 if name.startswith("new") else 1, name in shut_out, f"ADDRESS {name}") for name in names
    }
    return judged(Ground(known), {f"ADDRESS {name}" for name in names if name not in silent}, orders, RULE)


OUT = [moved(name, -1) for name in SEVEN]
CASES = {
    "nothing moves": (SEVEN, ["gamma-2", "gamma-3"], [schedule_upgrade("v0.2.0", 500)], None, ""),
    "all sign, two go": (
        SEVEN,
        [],
        [OUT[1], OUT[2]],
        Verdict.PASS,
        "7 of 7 signing, 5 needed; without alpha-2 and beta-1: 5 of 5 signing, 4 needed",
    ),
    "two are down, two others go": (
        SEVEN,
        ["gamma-2", "gamma-3"],
        [OUT[1], OUT[2]],
        Verdict.FAIL,
        "5 of 7 signing, 5 needed; without alpha-2 and beta-1: 3 of 5 signing, 4 needed; silent: gamma-2, gamma-3",
    ),
    "two are down, and they go": (
        SEVEN,
        ["gamma-2", "gamma-3"],
        [OUT[5], OUT[6]],
        Verdict.PASS,
        "5 of 7 signing, 5 needed; without gamma-2 and gamma-3: 5 of 5 signing, 4 needed",
    ),
    "one is down, and one of the others goes": (
        SEVEN,
        ["gamma-3"],
        [OUT[0]],
        Verdict.PASS,
        "6 of 7 signing, 5 needed; without alpha-1: 5 of 6 signing, 5 needed; silent: gamma-3",
    ),
    "a newcomer never voted": (
        [*SEVEN, "new-1"],
        ["gamma-3", "new-1"],
        [moved("new-1", 1)],
        Verdict.PASS,
        "6 of 7 signing, 5 needed; with new-1 at power 1: 6 of 8 signing, 6 needed; silent: gamma-3, new-1",
    ),
    "one that the quorum would need": (
        [*SEVEN, "new-1"],
        ["gamma-2", "gamma-3", "new-1"],
        [moved("new-1", 1)],
        Verdict.FAIL,
        "5 of 7 signing, 5 needed; with new-1 at power 1: 5 of 8 signing, 6 needed; silent: gamma-2, gamma-3, new-1",
    ),
    "another validator key: one comes for one that is down": (
        [*SEVEN, "new-1"],
        ["gamma-2", "gamma-3", "new-1"],
        [OUT[6], moved("new-1", 1)],
        Verdict.PASS,
        "5 of 7 signing, 5 needed; without gamma-3, with new-1 at power 1: 5 of 7 signing, 5 needed; silent: gamma-2, new-1",
    ),
    "another validator key: one comes for one that signs": (
        [*SEVEN, "new-1"],
        ["gamma-2", "gamma-3", "new-1"],
        [OUT[0], moved("new-1", 1)],
        Verdict.FAIL,
        "5 of 7 signing, 5 needed; without alpha-1, with new-1 at power 1: 4 of 7 signing, 5 needed;"
        " silent: gamma-2, gamma-3, new-1",
    ),
    "more power for one that signs": (
        SEVEN[:4],
        ["beta-2"],
        [moved("alpha-1", 2)],
        Verdict.PASS,
        "3 of 4 signing, 3 needed; with alpha-1 at power 3: 5 of 6 signing, 5 needed; silent: beta-2",
    ),
    "more power for one that is down": (
        SEVEN[:4],
        ["beta-2"],
        [moved("beta-2", 2)],
        Verdict.FAIL,
        "3 of 4 signing, 3 needed; with beta-2 at power 3: 3 of 6 signing, 5 needed; silent: beta-2",
    ),
    "a chain of one grows by one": (
        ["alpha-1", "new-1"],
        ["new-1"],
        [moved("new-1", 1)],
        Verdict.WARN,
        "1 of 1 signing, 1 needed; with new-1 at power 1: 1 of 2 signing, 2 needed; silent: new-1",
    ),
    "a chain of one by a heavier one": (["alpha-1", "new-1"], ["new-1"], [moved("new-1", 2)], Verdict.FAIL, "1 of 3 signing"),
    "nobody is left": (["alpha-1"], [], [OUT[0]], Verdict.FAIL, "0 of 0 signing, 1 needed"),
    "an operator that nobody knows": (
        SEVEN[:1],
        [],
        [moved("x", 3)],
        Verdict.FAIL,
        "with operator op x at power 3: 1 of 4 signing",
    ),
}


@pytest.mark.parametrize(("names", "silent", "orders", "verdict", "said"), CASES.values(), ids=CASES)
def test_who_signs_decides(
    names: Collection[str], silent: Collection[str], orders: list[Packed], verdict: Verdict | None, said: str
) -> None:
    shown = found(names, silent, *orders)
    assert [one.verdict for one in shown] == ([verdict] if verdict else [])
    assert all(said in one.actual for one in shown)


def test_one_that_is_shut_out_has_no_power_to_count() -> None:
    (shown,) = found(SEVEN, ["gamma-2", "gamma-3"], OUT[0], shut_out=["gamma-3"])
    assert "5 of 6 signing, 5 needed; without alpha-1: 4 of 5 signing, 4 needed" in shown.actual
    assert shown.verdict is Verdict.PASS
    # Its power is taken from it all the same.
    (shown,) = found(SEVEN, ["gamma-3"], OUT[6], shut_out=["gamma-3"])
    assert (shown.verdict, "6 of 6 signing" in shown.actual) == (Verdict.PASS, True)


def test_whoever_goes_and_whoever_is_down_a_pass_keeps_the_quorum() -> None:
    for count in (3, 4, 5):
        names = SEVEN[:count]
        sets = [set(some) for size in range(count) for some in itertools.combinations(names, size)]
        for gone, silent in itertools.product(sets[1:], sets):
            (shown,) = found(names, silent, *(moved(name, -1) for name in gone))
            left = len(set(names) - gone)
            keeps = 3 * len(set(names) - gone - silent) > 2 * left
            assert (shown.verdict is Verdict.PASS) is keeps, (gone, silent)


def test_amounts_that_are_none_move_nothing() -> None:
    strange = pack(Delegate(policy_address(), "op alpha-1", Coin(amount="many")))
    assert shifts([strange, moved("alpha-1", 2), moved("alpha-1", -2), Packed("/unknown", b"\xff")]) == {}


def test_a_reason_goes_past_it_is_named_and_kept_only_where_it_was_needed() -> None:
    refused, allowed = found(SEVEN, ["gamma-2", "gamma-3"], OUT[0], OUT[1]), found(SEVEN, [], OUT[0])
    other = Finding("revision.number", Verdict.FAIL, "the next", "another")
    assert despite([*refused, other], "") == [*refused, other]
    (past, still) = despite([*refused, other], "they come back at noon")
    assert (past.verdict, past.actual.endswith("; forced: they come back at noon")) == (Verdict.WARN, True)
    assert still == other
    assert despite([untold("no answer")], "seen by telephone")[0].verdict is Verdict.WARN
    assert [forced_text(one, "noon") for one in (refused, allowed)] == ["forced: noon", ""]
    assert forced_text(refused, "") == ""


@pytest.mark.parametrize("text", ["x" * 201, "two\nlines", " blank", "\x1b[2J"])
def test_a_reason_that_cannot_be_written_down_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no reason"):
        forced_reason(text)


def test_voters_see_what_was_forced_and_by_whom() -> None:
    proposal = replace(PROPOSAL, summary=f"{FORCED}they come back\x1b at noon; validator out: alpha-1 (power 1)")
    votes = [Cast(7, next(iter(MEMBERS)), 1, f"{FORCED}seen", Moment())]
    lines = list(vote_lines(Case(proposal, POLICY, votes, MEMBERS, first(), None)))
    assert lines[0] == "its proposer says: 'forced: they come back\\x1b at noon; validator out: alpha-1 (power 1)'"
    assert lines[1] == f"{next(iter(MEMBERS.values()))}: yes; 'forced: seen'"

"""What is owed for a period, and what its statement says, by tables."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.digest import canonical
from nodeops.sla.difference import difference
from nodeops.sla.fractions import percent, shown_percent, written
from nodeops.sla.period import Period
from nodeops.sla.statement import band, statement
from nodeops.sla.tally import Tally
from nodeops.sla.view import as_csv, stated
from tests.unit.sla.samples import ALL, ONE, PERIOD, TWO, block, contract, lease, measured, tally

# Slices 2 and 3 bad for one, 7 without a block.
BLOCKS = [block(second, *([TWO] if 20 <= second < 40 else [ONE, TWO])) for second in range(100) if not 70 <= second < 80]
DIGEST = "c" * 64


def made(*leases: Any, **changed: Any) -> dict[str, Any]:
    return statement(contract(**changed), DIGEST, measured(tally(*BLOCKS), *leases))


@pytest.mark.parametrize(
    ("good", "of", "owed"),
    [
        (1000, 1000, "0"),
        (999, 1000, "0"),
        (9989, 10000, "10"),
        (99, 100, "10"),
        (9899, 10000, "25"),
        (95, 100, "25"),
        (0, 1, "100"),
    ],
)
def test_what_is_given_back_goes_by_bands(good: int, of: int, owed: str) -> None:
    assert band(contract(), Fraction(good, of)) == owed


def test_a_share_just_below_is_below() -> None:
    """As floats both are the same number."""
    share = Fraction(999 * 10**17 - 1, 10**20)
    assert float(share) == 0.999
    assert band(contract(), share) == "10"
    assert shown_percent(share) == "99.8999 %"
    assert band(contract(), None) == "0"


def test_the_numbers_of_a_node() -> None:
    one, two = (made()["nodes"][name] for name in ("gamma-1", "gamma-2"))
    assert one["slices"] == {"good": 7, "bad": 2, "maintenance": 0, "network": 1, "unmeasured": 0, "not-yet": 0}
    assert (one["availability"], one["objective_met"], one["credit"]) == ("7/9", "false", "100")
    assert (two["availability"], two["objective_met"], two["credit"]) == ("1/1", "true", "0")
    assert one["votes"] == {"blocks": 90, "voted": 70}


@pytest.mark.parametrize(
    ("changed", "availability"),
    [
        ({"network_halt": "counts"}, "7/10"),
        ({"unmeasured": "excluded"}, "7/9"),
        ({"maintenance": None}, "7/9"),
    ],
)
def test_what_counts_is_what_was_agreed(changed: dict[str, Any], availability: str) -> None:
    assert made(**changed)["nodes"]["gamma-1"]["availability"] == availability


@pytest.mark.parametrize(("rule", "availability"), [("bad", "1/2"), ("excluded", "1/1")])
def test_who_left_while_the_chain_went_on(rule: str, availability: str) -> None:
    blocks = [block(second, ONE, TWO, validators=ALL if second < 50 else ALL - {ONE}) for second in range(100)]
    found = statement(contract(unmeasured=rule), DIGEST, measured(tally(*blocks)))
    assert found["nodes"]["gamma-1"]["availability"] == availability


@pytest.mark.parametrize(
    ("combine", "credit"),
    [
        ("each-node", {"gamma-1": "100", "gamma-2": "0"}),
        ("worst", {"all": "100", "availability": "7/9"}),
        ("mean", {"all": "100", "availability": "8/9"}),
    ],
)
def test_nodes_are_taken_together_as_agreed(combine: str, credit: dict[str, str]) -> None:
    assert made(combine=combine)["credit"] == credit


@pytest.mark.parametrize("combine", ["each-node", "worst", "mean"])
def test_a_double_vote_costs_what_was_agreed_and_the_other_node_nothing(combine: str) -> None:
    votes = tally(*(block(second, ONE, TWO) for second in range(100)))
    votes.nodes[TWO].double_votes.append(1003)
    found = statement(contract(combine=combine, duplicate_vote_credit="60"), DIGEST, measured(votes))
    assert found["nodes"]["gamma-2"]["double_votes"] == [1003]
    assert [found["nodes"][name]["credit"] for name in ("gamma-1", "gamma-2")] == ["0", "60"]
    assert found["credit"] == (
        {"gamma-1": "0", "gamma-2": "60"} if combine == "each-node" else {"all": "60", "availability": "1/1"}
    )


def test_who_never_had_power_makes_no_claim_and_says_so() -> None:
    blocks = [block(second, TWO, validators=ALL - {ONE}) for second in range(100)]
    found = statement(contract(), DIGEST, measured(tally(*blocks)))
    assert (found["nodes"]["gamma-1"]["availability"], found["nodes"]["gamma-1"]["credit"]) == ("no claim", "0")
    assert [one.id for one in stated(found, []).findings] == ["sla.no_power"]
    nobody = statement(contract(combine="mean"), DIGEST, measured(tally()))
    assert nobody["credit"] == {"all": "0", "availability": "no claim"}


def test_intervals_name_what_was_not_good() -> None:
    found = made(lease(-2000, 200))["intervals"]
    short = [(one["node"], one["state"], one["first_slice"], one["last_slice"], one["lease_height"]) for one in found]
    assert short == [("gamma-1", "maintenance", 2, 3, 900), ("gamma-1", "network", 7, 7, 0), ("gamma-2", "network", 7, 7, 0)]
    assert (found[0]["first_height"], found[0]["last_height"], found[0]["blocks"], found[0]["voted"]) == (1020, 1039, 20, 0)
    assert (found[1]["first_height"], found[1]["last_height"]) == (1069, 1080)
    lines = as_csv(made()).decode().splitlines()
    assert lines[0].startswith("node,state,from_utc,")
    assert lines[1].startswith(
        "gamma-1,bad,2027-01-15 08:00:20 UTC,2027-01-15 08:00:40 UTC,20,1020,1039,20,0,voted for 0 of 20 blocks"
    )


@given(st.permutations(BLOCKS))
def test_the_bytes_do_not_depend_on_the_order_of_reading(blocks: Any) -> None:
    assert canonical(statement(contract(), DIGEST, measured(tally(*blocks)))) == canonical(made())


def test_no_number_of_it_is_a_float() -> None:
    def kinds(value: Any) -> set[type]:
        inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        return {type(value)}.union(*map(kinds, inner))

    assert kinds(json.loads(canonical(made(lease(0, 50))))) == {dict, list, str, int, type(None)}


def _said(change: Any) -> str:
    said = json.loads(canonical(made()))
    change(said)
    return difference(said, made(), PERIOD)


def _put(*path: Any) -> Any:
    *way, last, value = path

    def change(tree: Any) -> None:
        for step in way:
            tree = tree[step]
        tree[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: None, ""),
        (
            _put("intervals", []),
            "gamma-1, slice 2 (2027-01-15 08:00:20 UTC to 2027-01-15 08:00:30 UTC): stated good, on the",
        ),
        (_put("intervals", 0, "last_slice", 2), "gamma-1, slice 3 ("),
        (_put("intervals", 0, "state", "maintenance"), "gamma-1, slice 2 ("),
        (_put("intervals", 2, "first_slice", -5), "gamma-2, slice 0 ("),
        (_put("intervals", 2, "last_slice", 10**9), "gamma-2, slice 8 ("),
        (_put("intervals", 0, "voted", 1), "intervals.0.voted: stated 1, on the chain 0"),
        (_put("intervals", 0, "voted", True), "intervals.0.voted: stated True, on the chain 0"),
        (_put("intervals", "none"), "intervals: are not in the form"),
        (_put("nodes", "gamma-1", "slices", "bad", 1), "nodes.gamma-1.slices.bad: stated 1, on the chain 2"),
        (_put("nodes", "gamma-3", {}), "nodes.gamma-3: stated {}, on the chain nothing"),
        (_put("nodes", None), "nodes: stated nothing"),
        (_put("period", "zone", "Asia/Shanghai"), "period.zone: stated Asia/Shanghai, on the chain UTC"),
        (_put("chain", None), "chain: stated nothing"),
        (_put("chain", "first", "height", 1), "chain.first.height: stated 1, on the chain 1100"),
        (_put("note", "paid\x1b[2J"), "note: stated paid [2J, on the chain nothing"),
    ],
)
def test_where_two_statements_differ_first(change: Any, says: str) -> None:
    assert _said(change).startswith(says)
    assert bool(_said(change)) is bool(says)


@pytest.mark.parametrize("share", [Fraction(1), Fraction(999, 1000), Fraction(1, 3)])
def test_shares_are_written_and_read_exactly(share: Fraction) -> None:
    assert Fraction(written(share)) == share


def test_a_percentage_is_never_rounded_up() -> None:
    assert shown_percent(Fraction(10**9 - 1, 10**9)) == "99.9999 %"
    assert (percent("99.9"), written(None), shown_percent(None)) == (Fraction(999, 1000), "no claim", "no claim")


def test_more_intervals_than_are_shown() -> None:
    period = Period("2026-11", "UTC", PERIOD.start, PERIOD.start + 1000, 10)
    blocks = [block(second, *([TWO] if second % 20 else [ONE, TWO])) for second in range(0, 1000, 10)]
    votes = Tally(period, [ONE, TWO])
    for one in blocks:
        votes.add(one)
    assert any("more: --csv FILE has all" in line for line in stated(statement(contract(), DIGEST, measured(votes)), []).lines)

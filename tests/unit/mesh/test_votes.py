"""Whom missed votes are laid at: the network only where it keeps a validator from a quorum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.document.profile import load_profile
from nodeops.mesh.verdict import Pair, Standing, blames
from nodeops.mesh.votes import Voter, judged, reached

RULE = load_profile("cosmos").quorum
NAMES = ("a", "b", "c", "d")
Rows = dict[str, dict[str, Standing]]


def voters(**missed: int) -> dict[str, Voter]:
    return {name: Voter(1, 20 - missed.get(name, 0), 20) for name in NAMES}


def fine() -> Rows:
    return {one: {other: "fine" for other in NAMES if other != one} for one in NAMES}


def ill(standing: Standing, *pairs: Pair) -> Rows:
    rows = fine()
    for one, other in pairs:
        rows[one][other] = rows[other][one] = standing
    return rows


def said(rows: Rows, **missed: int) -> dict[str, str]:
    paths = {(min(one, other), max(one, other)): how for one, row in rows.items() for other, how in row.items()}
    return {one.id: one.actual for one in judged(voters(**missed), paths, blames(rows), RULE)}


def test_who_missed_nothing_is_not_spoken_of() -> None:
    assert said(ill("silent", ("a", "b"), ("a", "c"), ("a", "d"))) == {}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (fine(), "missed 3 of 20, not explained by the network: over fine paths it reaches 4 of 4 voting power, 3 needed"),
        # One ill path of three: votes go around it.
        (ill("lossy", ("a", "b")), "missed 3 of 20, not explained by the network: over fine paths it reaches 4 of 4"),
        (
            ill("lossy", ("a", "b"), ("a", "c"), ("a", "d")),
            "missed 3 of 20, explained by its uplink (lossy): over fine paths it reaches 1 of 4 voting power, 3 needed",
        ),
        (
            ill("silent", ("a", "b"), ("a", "c"), ("a", "d")),
            "missed 3 of 20, explained by silence: its host or its way to the network is gone: "
            "over fine paths it reaches 1 of 4 voting power, 3 needed",
        ),
        # Cut in two halves: no half is a quorum, and no node is to blame alone.
        (
            ill("silent", ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")),
            "missed 3 of 20, explained by",
        ),
    ],
    ids=["all fine", "one path", "uplink", "cut off", "two halves"],
)  # fmt: skip
def test_what_explains_missed_votes(rows: Rows, words: str) -> None:
    found = said(rows, a=3)
    assert list(found) == ["mesh.votes.a"]
    assert found["mesh.votes.a"].startswith(words)


def test_a_path_that_nobody_measures_is_not_blamed() -> None:
    paths: dict[Pair, Standing] = {("a", "b"): "silent"}
    assert reached("a", voters(), paths) == 4
    assert reached("a", voters(), paths | {("a", "c"): "unknown"}) == 4


def test_a_witness_passes_votes_on() -> None:
    paths: dict[Pair, Standing] = {(one, other): "silent" for one in "abc" for other in "bcd" if one < other}
    paths |= {(name, "w"): "fine" for name in NAMES}
    assert reached("a", voters(), paths) == 4


@given(st.dictionaries(st.sampled_from([(one, other) for one in NAMES for other in NAMES if one < other]),
                       st.sampled_from(["fine", "lossy", "silent", "slow", "unknown"])))  # fmt: skip
def test_who_reaches_whom_is_the_same_from_both_ends(paths: dict[Pair, Standing]) -> None:
    found = {name: reached(name, voters(), paths) for name in NAMES}
    assert all(1 <= power <= 4 for power in found.values())
    # Those who reach three or four are together: two such groups would need more than four validators.
    assert len({power for power in found.values() if power >= 3}) <= 1

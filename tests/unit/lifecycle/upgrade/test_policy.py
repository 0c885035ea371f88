"""How a node goes over to another version and back, and in what order nodes do: tables of cases."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.document.profile import load_profile
from nodeops.lifecycle.upgrade.policy import Distance, Known, Planned, Standing, going, going_back, mixed, turns, way_back

COSMOS, COMETBFT = load_profile("cosmos"), load_profile("cometbft")
AT = Standing("v0.1.0", "v0.1.0", 90)
PLAN = Planned("v0.2.0", 100)

GOES = {
    "it runs": (AT, "v0.1.0", "none", "v0.1.0 runs"),
    "it runs, and another would be started": (replace(AT, installed="v0.1.9"), "v0.1.0", "turn", "v0.1.9 would be started next"),
    "a patch release": (AT, "v0.1.1", "turn", "v0.1.0 -> v0.1.1"),
    "a patch release, and back": (replace(AT, installed="v0.1.1", runs="v0.1.1"), "v0.1.0", "turn", "v0.1.1 -> v0.1.0"),
    "killed before its restart": (replace(AT, installed="v0.1.1"), "v0.1.1", "turn", "v0.1.0 -> v0.1.1"),
    "nobody voted": (AT, "v0.2.0", "refused", "v0.1.0 -> v0.2.0"),
    "another was voted on": (replace(AT, planned=PLAN), "v0.3.0", "refused", "v0.1.0 -> v0.3.0"),
    "voted on, and not there": (replace(AT, planned=PLAN), "v0.2.0", "wait", "at height 100; this one is at 90"),
    "one block before": (replace(AT, planned=PLAN, height=99), "v0.2.0", "wait", "this one is at 99"),
    "voted on, and there": (replace(AT, planned=PLAN, height=100), "v0.2.0", "height", "this one stands there"),
    "a patch release that was voted on": (replace(AT, planned=Planned("v0.1.1", 100)), "v0.1.1", "wait", "at height 100"),
    "a patch release beside a plan": (replace(AT, planned=PLAN), "v0.1.1", "turn", "v0.1.0 -> v0.1.1"),
    "restarted at the height": (Standing("v0.1.0", None, reached=PLAN), "v0.2.0", "height", "stands at height 100"),
    "a plan long ago": (replace(AT, reached=Planned("v0.1.0", 5)), "v0.2.0", "refused", "v0.1.0 -> v0.2.0"),
    "it does not run": (Standing("v0.1.0", None), "v0.1.1", "refused", "v0.1.0 is installed and does not run"),
    "the new one does not run": (Standing("v0.1.1", None), "v0.1.1", "turn", "v0.1.1 is installed and does not run"),
    "nothing is installed": (Standing(None, None), "v0.1.1", "refused", "no version is installed here"),
}


@pytest.mark.parametrize(("seen", "target", "way", "why"), GOES.values(), ids=GOES)
def test_a_node_goes_over(seen: Standing, target: str, way: str, why: str) -> None:
    found = going(COSMOS, seen, target)
    assert (found.way, why in found.why) == (way, True), found
    assert bool(found.hint) == (way == "refused")
    assert bool(found.height) == (way in ("wait", "height"))


def test_a_platform_without_votes_never_leaves_its_series() -> None:
    seen = Standing("v0.38.21", "v0.38.21", 90)
    assert going(COMETBFT, seen, "v0.38.26").way == "turn"
    found = going(COMETBFT, seen, "v1.0.0")
    assert (found.way, "no vote carries" in found.why) == ("refused", True)


def test_who_may_vote_is_told_how() -> None:
    assert "propose --upgrade-height" in going(COSMOS, AT, "v0.2.0").hint
    assert "v0.2.0 at height 100" in going(COSMOS, replace(AT, planned=PLAN), "v0.3.0").hint


BACK = {
    "a patch release": ("v0.1.1", "v0.1.0", None, "turn"),
    "nothing is kept": ("v0.1.1", None, None, "refused"),
    "it went back already": ("v0.1.0", "v0.1.0", None, "none"),
    "by vote": ("v0.2.0", "v0.1.0", None, "refused"),
    "a patch release by vote": ("v0.1.1", "v0.1.0", Planned("v0.1.1", 100), "refused"),
}


@pytest.mark.parametrize(("runs", "former", "carried", "way"), BACK.values(), ids=BACK)
def test_a_node_goes_back(runs: str, former: str | None, carried: Planned | None, way: str) -> None:
    assert going_back(COSMOS, runs, former, carried).way == way


# Version by version: installed, running, the last that took part, the one before; what is asked for; from where to where.
BACK = {
    "it took part": (Known("1.1", "1.1", "1.1", "1.0"), ("1.1", "1.0")),
    "it never took part": (Known("1.2", "1.2", "1.1", "1.0"), ("1.2", "1.1")),
    "it does not start, in a first upgrade": (Known("1.1", None, "1.0", None), ("1.1", "1.0")),
    "nothing is kept": (Known("1.1", "1.1", "1.1", None), ("1.1", None)),
    "nothing is kept at all": (Known("1.1", "1.1", None, None), ("1.1", None)),
    "it went back": (Known("1.0", "1.0", "1.0", "1.0"), ("1.0", "1.0")),
    "nobody said from where: killed before the restart": (Known("1.0", "1.1", "1.1", "1.0"), ("1.1", "1.0")),
    "nobody said from where: killed after it": (Known("1.0", "1.0", "1.1", "1.0"), ("1.1", "1.0")),
    "nobody said from where: killed, and dead": (Known("1.0", None, "1.1", "1.0"), ("1.1", "1.0")),
    "nobody said from where: killed, from what never took part": (Known("1.1", "1.2", "1.1", "1.0"), ("1.2", "1.1")),
    "nobody said from where: on its way to a newer one": (Known("1.2", "1.1", "1.1", "1.0"), ("1.2", "1.1")),
    "it took part and crashed": (Known("1.1", None, "1.1", "1.0"), ("1.1", "1.0")),
    "killed while it was written": (Known("1.1", "1.1", "1.1", "1.0"), ("1.1", "1.0"), "1.1"),
    "killed before the restart": (Known("1.0", "1.1", "1.1", "1.0"), ("1.1", "1.0"), "1.1"),
    "killed after it": (Known("1.0", "1.0", "1.1", "1.0"), ("1.1", "1.0"), "1.1"),
    "killed, and dead": (Known("1.0", None, "1.1", "1.0"), ("1.1", "1.0"), "1.1"),
    "an older one, by upgrade.yml, that does not start": (Known("1.0", None, "1.1", "1.0"), ("1.0", "1.1"), "1.0"),
    "killed on its way to a newer one": (Known("1.2", "1.1", "1.1", "1.0"), ("1.1", "1.0"), "1.1"),
    "back before": (Known("1.0", "1.0", "1.0", "1.0"), None, "1.1"),
    "never there": (Known("1.0", "1.0", "1.0", None), None, "1.1"),
    "further already": (Known("1.2", "1.2", "1.2", "1.1"), None, "1.1"),
    "further, which nobody saw": (Known("1.2", "1.2", "1.1", "1.0"), None, "1.1"),
}


@pytest.mark.parametrize("case", BACK.values(), ids=BACK)
def test_from_where_to_where_a_node_goes_back(case: tuple[Known, tuple[str, str | None] | None, *tuple[str, ...]]) -> None:
    known, way, *only_from = case
    assert way_back(known, *only_from) == way


POWERS = {"a-1": 3, "a-2": 1, "b-1": 2, "w-1": 0, "b-2": 1}
ORDER = {
    "all": (POWERS, ["w-1", "a-2", "b-2", "b-1", "a-1"], "a-2", ["a-1", "b-1", "b-2"]),
    "one went over before": (["a-1", "b-1", "w-1"], ["w-1", "a-2", "b-1", "a-1"], "a-2", ["a-1", "b-1"]),
    "only a witness is left": (["w-1"], ["w-1"], None, []),
    "the last": (["a-1"], ["a-2", "a-1"], "a-2", ["a-1"]),
    "none": ([], [], None, []),
}


@pytest.mark.parametrize(("waiting", "order", "canary", "aside"), ORDER.values(), ids=ORDER)
def test_no_vote_first_then_the_least_power(waiting: list[str], order: list[str], canary: str | None, aside: list[str]) -> None:
    found = turns({name: {"way": "turn" if name in waiting else "none"} for name in POWERS}, POWERS)
    assert (found.order, found.canary, found.aside) == (order, canary, aside)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.tuples(st.integers(0, 3), st.sampled_from(["turn", "none"]))))
def test_everybody_who_waits_has_one_turn_and_the_canary_is_before_all_that_vote(nodes: dict[str, tuple[int, str]]) -> None:
    powers = {name: power for name, (power, _) in nodes.items()}
    found = turns({name: {"way": way} for name, (_, way) in nodes.items()}, powers)
    waiting = {name for name, (_, way) in nodes.items() if way == "turn"}
    assert len(set(found.order)) == len(found.order)
    assert set(found.order) == waiting | ({found.canary} if found.canary else set())
    voting = [name for name in found.order if powers[name]]
    assert voting[:1] == ([found.canary] if found.canary else [])
    assert found.canary not in found.aside
    assert set(found.aside) <= waiting


MIXED = {
    "all in their turn": ({"a-1": "turn", "a-2": "none"}, ""),
    "all wait": ({"a-1": "wait", "a-2": "height", "a-3": "none"}, ""),
    "one would go before": ({"a-1": "wait", "a-2": "turn"}, "a-1 wait for the height"),
    "one stands there, one would go": ({"a-1": "turn", "a-2": "height"}, "a-1 would go before"),
    "a witness is no vote": ({"a-1": "wait", "w-1": "turn"}, ""),
}


@pytest.mark.parametrize(("ways", "said"), MIXED.values(), ids=MIXED)
def test_nobody_goes_in_a_turn_while_others_wait_for_a_height(ways: dict[str, str], said: str) -> None:
    answers = {name: {"way": way} for name, way in ways.items()}
    powers = {name: 0 if name.startswith("w") else 1 for name in ways}
    assert said in mixed(answers, powers)
    assert bool(mixed(answers, powers)) is bool(said)
    assert turns(answers, powers).canary not in {name for name, way in ways.items() if way in ("wait", "height")}


def test_how_far_a_height_is() -> None:
    found = Distance(until=100.0)
    assert found.said(90, 120, now=10.0) == "height 90 of 120"
    assert found.said(100, 120, now=20.0) == "height 100 of 120, about 20 s left"
    assert found.said(101, 120, now=100.0) is None

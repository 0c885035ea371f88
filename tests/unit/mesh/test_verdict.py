"""Whose fault an ill path is: tables, and random faults of known origin."""

from itertools import combinations
from random import Random

import pytest

from nodeops.mesh.seen import Measured
from nodeops.mesh.verdict import blames, pairs, standing

NAMES = ["a", "b", "c", "d", "e", "f", "g"]


def measured(recent=60, lost=0, median=0.01):
    return Measured(
        sent=recent,
        answered=recent - lost,
        lost=lost,
        late=0,
        duplicate=0,
        unsent=0,
        recent=recent,
        recent_lost=lost,
        rtt_median=None if lost == recent else median,
        rtt_p99=None if lost == recent else median,
        jitter=0.0,
        silent_seconds=0.0,
    )


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (measured(), "fine"),
        (measured(lost=1), "fine"),
        (measured(lost=2), "fine"),
        (measured(lost=3), "lossy"),
        (measured(recent=300, lost=5), "fine"),
        (measured(lost=60), "silent"),
        (measured(recent=9, lost=9), "unknown"),
        (measured(median=0.8), "slow"),
        (measured(lost=5, median=0.8), "lossy"),
    ],
)
def test_a_path_is_judged_by_its_last_minute(one, said):
    assert standing(one) == said


def whole(ill=(), names=NAMES, said="lossy"):
    """Return what all see when the paths of `ill` are ill, each a pair of names."""
    sick = {frozenset(pair) for pair in ill}
    return {one: {other: said if {one, other} in sick else "fine" for other in names if other != one} for one in names}


def of(node, names=NAMES):
    return [(node, other) for other in names if other != node]


@pytest.mark.parametrize(
    ("ill", "found"),
    [
        ([], []),
        ([("a", "b")], ["path a-b"]),
        (of("c"), ["uplink c"]),
        (of("c")[:4], ["uplink c"]),
        ([("c", "a"), ("c", "b"), ("c", "d")], ["path a-c", "path b-c", "path c-d"]),
        ([*of("a"), *of("b")], ["uplink b", "uplink a"]),
        ([*of("a"), ("c", "d")], ["uplink a", "path c-d"]),
        ([("a", "b"), ("c", "d")], ["path a-b", "path c-d"]),
    ],
)
def test_one_cause_explains_what_it_can(ill, found):
    causes = blames(whole(ill))
    assert [f"{one.kind} {'-'.join(one.nodes)}" for one in causes] == found
    assert {frozenset(pair) for one in causes for pair in one.paths} == {frozenset(pair) for pair in ill}


def test_three_nodes_tell_the_one_and_two_cannot():
    assert [one.nodes for one in blames(whole(of("b", "abc"), "abc"))] == [("b",)]
    assert [one.kind for one in blames(whole([("a", "b")], "ab"))] == ["path"]


def test_a_node_that_nobody_could_ask_is_judged_by_the_others():
    views = whole(of("c"), said="silent")
    del views["c"]
    assert [(one.kind, one.nodes, one.standing) for one in blames(views)] == [("uplink", ("c",), "silent")]


@pytest.mark.parametrize(
    ("said", "known", "kind"),
    [
        ("lossy", "host", "host"),
        ("silent", "prober", "prober"),
        ("silent", "gone", "gone"),
        # We did not reach it, and it answers others now and then.
        ("lossy", "gone", "uplink"),
    ],
)
def test_what_is_known_of_a_node_names_the_cause(said, known, kind):
    assert [one.kind for one in blames(whole(of("c"), said=said), {"c": known})] == [kind]


def test_a_node_that_one_other_hears_is_not_gone():
    views = whole(of("c")[1:], said="silent")
    assert [(one.kind, one.nodes) for one in blames(views, {"c": "gone"})] == [("uplink", ("c",))]


def test_a_path_is_as_ill_as_its_worse_end_says():
    assert pairs({"a": {"b": "fine"}, "b": {"a": "silent"}}) == {("a", "b"): "silent"}
    assert pairs({"a": {"b": "unknown"}}) == {("a", "b"): "unknown"}
    assert blames({"a": {"b": "unknown", "c": "unknown"}}) == []


@pytest.mark.parametrize("seed", range(4))
def test_random_faults_are_laid_where_they_are(seed):
    """A hundred faults of a node or a path of which each end measured a minute: the right one alone in 95 of them at least."""
    draw = Random(seed)
    right = wrong = 0
    for _ in range(100):
        names = NAMES[: draw.randint(4, 7)]
        culprit = draw.choice([(name,) for name in names] + list(combinations(names, 2)))
        loss = draw.uniform(0.1, 1)
        views = {
            one: {other: standing(drawn(draw, {one, other}, culprit, loss)) for other in names if other != one} for one in names
        }
        found = [one.nodes for one in blames(views)]
        right += found == [culprit]
        wrong += any(not set(nodes) & set(culprit) for nodes in found)
    assert right >= 95
    assert wrong == 0


def drawn(draw, ends, culprit, loss):
    sick = set(culprit) <= ends
    return measured(lost=sum(draw.random() < loss for _ in range(60)) if sick else 0)


def seen_from(one, names, draw, culprit, loss):
    return {other: standing(drawn(draw, {one, other}, culprit, loss)) for other in names if other != one}

"""What people are shown of a revision: two different values never look the same."""

import pytest

from nodeops.consortium.outlook import beside_lines, diff_result, let_go
from nodeops.consortium.propose import mistyped
from nodeops.document.profile import load_profile
from tests.unit.consortium.samples import changed, first

LONG = "x" * 80
SHOWN = {
    "a value": ("site", "hall 1", "hall 2", ["site: hall 1 -> hall 2"]),
    "none before": ("site", None, "hall 2", ["site: nothing -> hall 2"]),
    "long ones that differ at the end": ("site", LONG + "1", LONG + "2", [f"site: {LONG}1 -> {LONG}2"]),
    "an element more": ("admins", ["a", "b"], ["b", "a", "c"], ["admins: with c"]),
    "another element": ("admins", ["a", LONG], ["a", "c"], [f"admins: without {LONG}", "admins: with c"]),
    "another order": ("admins", ["a", "b"], ["b", "a"], ["admins: ['a', 'b'] -> ['b', 'a']"]),
    "a list that was none": ("admins", None, ["a"], ["admins: nothing -> ['a']"]),
}


@pytest.mark.parametrize(("key", "before", "after", "lines"), SHOWN.values(), ids=SHOWN)
def test_a_difference_is_shown_whole(key, before, after, lines):
    assert beside_lines(key, before, after) == lines


def test_what_is_beside_the_chain_is_shown():
    new = changed(lambda tree: tree["nodes"]["beta-1"].update(site=LONG))
    assert (
        f"beside the chain: nodes.beta-1.site: nothing -> {LONG}" in diff_result(first(), new, load_profile("cosmos"), []).lines
    )


def test_an_id_that_no_node_published_is_told_before_it_is_proposed():
    one, other = "1" * 40, "2" * 40
    new = changed(lambda tree: tree["nodes"]["beta-1"].update(former_node_id=one))
    assert let_go(first(), new) == {"beta-1": one}
    assert let_go(new, new) == {}
    assert mistyped(let_go(first(), new), {"beta-1": one, "alpha-1": other}) == []
    assert mistyped(let_go(first(), new), {"beta-1": other}) == [f"former_node_id of beta-1 is {one}, its identity has {other}"]
    assert mistyped(let_go(first(), new), {}) == [f"former_node_id of beta-1 is {one}, its identity has none"]

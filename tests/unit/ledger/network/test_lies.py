"""A node that was taken over: what it says of the chain decides nothing for the others, and what it says alone is marked."""

from typing import Any

import pytest

from nodeops.core.finding import Verdict
from nodeops.ledger.network.judge import ChainState, judge
from tests.unit.ledger.network.test_judge import FOUR, OLD, actual, in_set, verdicts
from tests.unit.ledger.network_made import HEIGHT, address, block, status, statuses

LIES: dict[str, dict[str, Any]] = {
    "absurd height": {"height": (1 << 63) - 1, "recent": [block((1 << 63) - 1 - n) for n in range(2)]},
    "no signers": {"signers": {}},
    "other signers": {"signers": {"F" * 40: {"signed": 1, "of": 1, "last_height": (1 << 63) - 1}}},
    "set of its own": {"validators": in_set(x=1 << 62), "recent": [block(HEIGHT, "x")]},
    "stale": OLD | {"recent": [block(3)]},
    "other name": {"node": "a"},
    "far ahead of blocks that are true": {
        "height": 900_000,
        "recent": [block(900_000), *map(block, range(HEIGHT, HEIGHT - 19, -1))],
    },
    "a set of its own for blocks that are true": {"validators": in_set(a=1, b=1, x=9)},
    "votes of nobody for blocks that are true": {
        "signers": {address(name): {"signed": 1, "of": 1, "last_height": 9} for name in "a"}
    },
    "votes of one who is silent": {"signers": {address(name): {"signed": 1, "of": 1, "last_height": HEIGHT} for name in "abcdz"}},
}


@pytest.mark.parametrize("liar", FOUR.nodes)
@pytest.mark.parametrize("lie", LIES)
def test_one_liar_changes_nothing_for_the_rest(lie: str, liar: str) -> None:
    view = judge(FOUR, {**statuses(FOUR), liar: status(FOUR, liar, **LIES[lie])})
    assert view.chain is ChainState.RUNNING
    assert (view.height, view.live_power, view.total_power, view.margin) == (HEIGHT, 4, 4, 1)
    assert [row.state.value for row in view.rows if row.name != liar] == ["running"] * 3
    assert verdicts(view)["signing"] is Verdict.PASS


@pytest.mark.parametrize(
    ("changes", "rest", "said"),
    [
        (LIES["far ahead of blocks that are true"], {}, f"only d is at height 900000, no other above {HEIGHT}"),
        ({"height": HEIGHT + 20}, {}, ""),
        (LIES["a set of its own for blocks that are true"], {}, "only d shows such validators"),
        ({}, OLD, "only d has new blocks"),
    ],
)
def test_what_one_node_alone_says_of_the_chain_is_marked(changes: dict[str, Any], rest: dict[str, Any], said: str) -> None:
    view = judge(FOUR, {**statuses(FOUR, **rest), "d": status(FOUR, "d", **changes)})
    assert (verdicts(view)["word"], said in actual(view, "word")) == (Verdict.WARN if said else Verdict.PASS, True)


def test_the_word_of_the_only_node_that_was_asked_is_called_so() -> None:
    view = judge(FOUR, {"a": status(FOUR, "a")})
    assert (verdicts(view)["word"], actual(view, "word")) == (
        Verdict.NOT_APPLICABLE,
        "the word of one node: there is no other to compare with",
    )

"""An organisation whose nodes all joined by state sync proves no old record by itself."""

import pytest

from nodeops.core.finding import Finding, Verdict
from nodeops.ledger.network.judge import judge
from nodeops.ledger.node.status import NodeStatus
from tests.unit.ledger.network_made import consortium, status, statuses

FOUR = consortium()

# The oldest block of each node of one organisation; None for a node that does not answer.
HISTORIES = {
    "all have all": ({"a": 1, "b": 1, "c": 1, "d": 1}, Verdict.PASS),
    "one has all": ({"a": 1, "b": 90, "c": 90, "d": 90}, Verdict.PASS),
    "none has all": ({"a": 90, "b": 80, "c": 90, "d": 90}, Verdict.FAIL),
    "who does not answer may have all": ({"a": 90, "b": 90, "c": 90, "d": None}, Verdict.UNKNOWN),
    "older agents do not say": ({}, Verdict.PASS),
}


@pytest.mark.parametrize(("oldest", "verdict"), HISTORIES.values(), ids=HISTORIES)
def test_an_organisation_needs_a_node_with_all_blocks(oldest: dict[str, int | None], verdict: Verdict) -> None:
    asked: dict[str, NodeStatus | None] = dict(statuses(FOUR))
    for name, height in oldest.items():
        asked[name] = None if height is None else status(FOUR, name, earliest_height=height)
    found: Finding = next(one for one in judge(FOUR, asked).findings if one.id == "network.history")
    assert found.verdict is verdict
    if verdict is Verdict.FAIL:
        assert found.actual == "org has no block below 80 on a, b, c, d"

"""When a witness may be given power."""

from typing import Any

import pytest

from nodeops.core.finding import Verdict
from nodeops.document.profile import load_profile
from nodeops.ledger.node.status import NodeStatus
from nodeops.lifecycle.ready import Candidate, readiness

RULE = load_profile("cosmos").quorum
OWN = "a" * 40


def candidate(
    *, claims: Any = None, alone: bool = False, published: str = OWN, power: int = 1, live: int = 4, **other: Any
) -> Candidate:
    said = {
        "node": "beta-2",
        "organisation": "beta",
        "duty": "witness",
        "agent": "1",
        "running": True,
        "node_id": OWN,
        "voting_power": 0,
        "height": 100,
        "block_age_seconds": 1.0,
        "catching_up": False,
        "validators": [{"address": f"{place:040d}", "power": 1} for place in range(4)],
        "revision": 1,
        "document_digest": "0" * 64,
        "clock": 1.0,
    }
    status = NodeStatus.model_validate({**said, **other})
    return Candidate(status, {"alpha-1": 101} if claims is None else claims, alone, published, power, live)


CASES = {
    "all is well": (candidate(), []),
    "its ledger is down": (candidate(running=False, error="refused"), ["running"]),
    "no block yet": (candidate(height=None), ["running"]),
    "catching up": (candidate(catching_up=True), ["synced"]),
    "an old block": (candidate(block_age_seconds=100.0), ["synced"]),
    "behind the others": (candidate(claims={"alpha-1": 103}), ["in_step"]),
    "no peer of another organisation": (candidate(claims={}), ["in_step"]),
    "there is no other organisation": (candidate(claims={}, alone=True), []),
    "nothing published": (candidate(published=""), ["published"]),
    "another identity published": (candidate(published="b" * 40), ["published"]),
    "it votes already": (candidate(voting_power=1), ["silent"]),
    "all others sign": (candidate(live=4), []),
    "one of four is down, so the quorum of five would need it": (candidate(live=3), ["quorum"]),
    "more power than the others can do without": (candidate(power=2), ["quorum"]),
}


@pytest.mark.parametrize(("one", "failing"), CASES.values(), ids=CASES)
def test_what_is_not_ready(one: Candidate, failing: list[str]) -> None:
    found = readiness(one, RULE, 1.0)
    assert [each.id for each in found if each.verdict is Verdict.FAIL] == [f"ready.{name}" for name in failing]

"""Random schedules of operations and faults: the quorum is never lost by us, and every run ends done or cleanly undone.

A schedule that fails prints what happened. That the model can fail is shown by policies that are broken on purpose.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nodeops.document.profile import Quorum
from nodeops.lifecycle.upgrade import policy as upgrades
from nodeops.quorum import policy
from nodeops.quorum.policy import Leases, Passage, Request, Standing
from tests.tiers import sizes
from tests.unit.lifecycle.schedules.schedule import Schedule
from tests.unit.lifecycle.schedules.world import BrokenError

RIGHT, RIGHT_BACK = policy.leave, upgrades.way_back
# So many schedules find each of the broken policies; most of them within ten.
ENOUGH = 40


@pytest.mark.parametrize("many", sizes(40, 300))
def test_quorum_is_never_lost_by_us_and_every_run_ends(many: int) -> None:
    for number in range(many):
        try:
            Schedule(number).play()
        except BrokenError as error:
            pytest.fail(f"schedule {number}: {error}")


def of_the_inventory(request: Request, seen: Standing | None, rule: Quorum, block: float) -> Passage:
    return RIGHT(request, seen and replace(seen, live=frozenset(seen.powers)), rule, block)


def without_leases(request: Request, seen: Standing | None, rule: Quorum, block: float) -> Passage:
    return RIGHT(request, seen and replace(seen, leases=Leases()), rule, block)


def without_others(request: Request, seen: Standing | None, rule: Quorum, block: float) -> Passage:
    return RIGHT(replace(request, elsewhere=0), seen, rule, block)


def without_turns(request: Request, seen: Standing | None, rule: Quorum, block: float) -> Passage:
    found = RIGHT(request, seen, rule, block)
    return replace(found, verdict="open") if found.verdict == "wait" else found


def never(request: Request, seen: Standing | None, rule: Quorum, block: float) -> Passage:
    return Passage("closed", "never")


def by_what_is_installed(known: upgrades.Known, only_from: str = "") -> tuple[str, str | None] | None:
    return (known.installed, known.former) if known.installed == only_from else None


MUTANTS: list[tuple[Any, str, Callable[..., Any]]] = [
    (policy, "leave", of_the_inventory),
    (policy, "leave", without_leases),
    (policy, "leave", without_others),
    (policy, "leave", without_turns),
    (policy, "leave", never),
    (upgrades, "way_back", by_what_is_installed),
]


@pytest.mark.parametrize(("room", "name", "mutant"), MUTANTS, ids=[mutant.__name__ for *_, mutant in MUTANTS])
def test_a_broken_policy_is_noticed(room: Any, name: str, mutant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, name, mutant)
    with pytest.raises(BrokenError) as caught:
        for number in range(ENOUGH):
            Schedule(number).play()
    assert "height" in str(caught.value)

"""Is a witness ready to be given voting power? Judged before anybody is asked to vote. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nodeops.core.finding import Finding, Verdict
from nodeops.document.profile import Quorum
from nodeops.ledger.node.status import NodeStatus
from nodeops.ledger.quorum import needed

# Heights are asked one after the other while blocks come.
_STEP_BLOCKS = 2


@dataclass(frozen=True)
class Candidate:
    """What is known on the host of a node that may be admitted.

    `claims` are the newest heights that connected peers of other organisations claim, by name; `alone`: there is no other
    organisation. `published` is the node id that members know it by, `power` what it is to be given. `live` is the voting power
    that signs now.
    """

    status: NodeStatus
    claims: Mapping[str, int]
    alone: bool
    published: str
    power: int
    live: int


def readiness(one: Candidate, rule: Quorum, block_seconds: float) -> list[Finding]:
    """Return whether a node is synced, in step, published, without a vote yet, and none that the quorum would need."""
    if not one.status.running or one.status.height is None:
        return [_judged("running", False, "its ledger answers", one.status.error or "no block yet", "nodeops ledger status")]
    return [*_state(one, block_seconds), _published(one), _votes(one), _quorum(one, rule)]


def _state(one: Candidate, block_seconds: float) -> Iterator[Finding]:
    status, height = one.status, one.status.height or 0
    synced = status.catching_up is False and status.fresh(block_seconds)
    age = "of unknown age" if status.block_age_seconds is None else f"{status.block_age_seconds:.0f} s old"
    found = f"height {height}, {age}" + (", catching up" if status.catching_up else "")
    yield _judged("synced", synced, "it has caught up", found, "nodeops ledger wait --synced")
    best = max(one.claims.values(), default=None)
    shown = ", ".join(f"{name} {claim}" for name, claim in sorted(one.claims.items())) or "no peer of another organisation"
    good = one.alone if best is None else abs(best - height) <= _STEP_BLOCKS
    hint = "the others let it in by the same revision: ansible-playbook playbooks/site.yml at each of them"
    yield _judged("in_step", good, "in step with peers of another organisation", f"height {height}; {shown}", hint)


def _published(one: Candidate) -> Finding:
    hint = "ansible-playbook playbooks/site.yml writes identities/, for the other members"
    found = one.published or "nothing is published"
    return _judged("published", one.published == one.status.node_id, "members know it by its node id", found, hint)


def _votes(one: Candidate) -> Finding:
    power = one.status.voting_power or 0
    return _judged("silent", not power, "it has no voting power yet", f"voting power {power}", "it is a validator already")


def _quorum(one: Candidate, rule: Quorum) -> Finding:
    """The others must commit blocks alone once it is counted: it may be down in the minute after the vote."""
    total = sum(validator.power for validator in one.status.validators) + one.power
    least = needed(total, rule)
    found = f"{one.live} of then {total} voting power signs without it, {least} needed"
    hint = "bring other validators back first, or give it less power: nodeops ledger validators"
    return _judged("quorum", one.live >= least, f"blocks come without it once it has power {one.power}", found, hint)


def _judged(name: str, good: bool, expected: str, actual: str, hint: str) -> Finding:
    return Finding(f"ready.{name}", Verdict.PASS if good else Verdict.FAIL, expected, actual, "" if good else hint)

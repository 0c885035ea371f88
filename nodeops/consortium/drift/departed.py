"""May the host of a node that left be retired? Judged by what is proven from the genesis, and by our own hosts. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nodeops.consortium.drift.compare import Row
from nodeops.consortium.force import in_force
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.node.status import stale_after

_WITHOUT = "a revision without it that is in force"


@dataclass(frozen=True)
class Proven:
    """The newest block that was proven: its height, its time, the power that signed it, and of all; `keys` (base64) are those of
    the validators of this block and of the next. `mark` is the revision in force."""

    mark: Mark | None
    height: int
    time: datetime
    signed: int
    total: int
    keys: Collection[str]


def departed(node: str, keys: Mapping[str, str], working: Consortium, seen: Proven, now: datetime) -> list[Finding]:
    """Return whether a node is out of the file in force, out of the chain's validators, and the others go on without it.

    `keys` are the validator keys (base64) that nodes published, by name.
    """
    there = [_file(node, working), in_force(seen.mark, mark_of(working))]
    return [*there, _alone(node, keys, working), _power(node, keys.get(node), seen), _goes_on(working, seen, now)]


def _file(node: str, working: Consortium) -> Finding:
    if node not in working.nodes:
        return Finding("departed.file", Verdict.PASS, "consortium.yml is without it", f"revision {working.revision} is")
    return _no("file", "consortium.yml is without it", f"revision {working.revision} names {node}", f"write {_WITHOUT}")


def _alone(node: str, keys: Mapping[str, str], working: Consortium) -> Finding:
    """A node that changed its name has its key and its host still."""
    expected = "no member has its key"
    same = sorted(name for name, key in keys.items() if name in working.nodes and name != node and key == keys.get(node))
    if not same:
        return Finding("departed.name", Verdict.PASS, expected, "none has")
    return _no("name", expected, f"{', '.join(same)} has: {node} only changed its name", f"remove identities/{node}.yml")


def _power(node: str, key: str | None, seen: Proven) -> Finding:
    expected = "its key is none of the chain's validators'"
    if key is None:
        return _no("power", expected, "its key is not known here", f"put identities/{node}.yml there as it was published")
    if key in seen.keys:
        return _no("power", expected, f"at height {seen.height} it is", "nodeops consortium log: was the order executed?")
    return Finding("departed.power", Verdict.PASS, expected, f"proven at height {seen.height}")


def _goes_on(working: Consortium, seen: Proven, now: datetime) -> Finding:
    """A block that is young was committed by validators of which the node is none: that is the quorum without it."""
    expected, age = "the chain goes on without it", abs((now - seen.time).total_seconds())
    actual = f"block {seen.height}, {age:.0f} s old, was signed by {seen.signed} of {seen.total} voting power"
    if age <= stale_after(working.ledger.block_seconds):
        return Finding("departed.quorum", Verdict.PASS, expected, actual)
    hint = (
        "bring the chain back first: nodeops fleet status. Where only hosts that left can be asked, others may have cut them off"
    )
    return _no("quorum", expected, f"{actual}: the chain stands", f"{hint}: docs/membership.md")


def still_known(node: str, rows: Sequence[Row]) -> Finding:
    """Return whether a host of ours still is as the revision with the node made it."""
    # "node": it could not be asked, so nobody knows.
    expected, whats = "no host of ours is told of it any more", ("document", "targets", "node")
    late = sorted({one.where for one in rows if one.verdict is Verdict.FAIL and one.what in whats})
    if not late:
        return Finding("departed.hosts", Verdict.PASS, expected, f"none is told of {node}")
    hint = "ansible-playbook playbooks/site.yml, and playbooks/monitoring.yml where there are monitors"
    return _no("hosts", expected, f"not made what the file says yet: {', '.join(late)}", hint)


def _no(what: str, expected: str, actual: str, hint: str) -> Finding:
    return Finding(f"departed.{what}", Verdict.FAIL, expected, actual, hint)

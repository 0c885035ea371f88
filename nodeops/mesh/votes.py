"""Are missed votes the network's fault? A validator that reaches no quorum over fine paths could not vote in time. Pure.

Votes are passed on, so one ill path explains nothing: they go around it. What counts is whom a validator reaches over paths that
are fine, through others too. A path that nobody here measures is taken as fine, so that the network is never blamed for what
was not seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from nodeops.core.finding import Finding, Verdict
from nodeops.document.profile import Quorum
from nodeops.ledger.quorum import needed
from nodeops.mesh.verdict import Blame, Pair, Standing

_EXPECTED = "a vote in each of the last blocks"
_HOST_HINT = "look at its host: nodeops status there, pressure and restarts in nodeops metrics show"
_NETWORK_HINT = "mend the path or uplink that mesh names; docs/mesh.md"


@dataclass(frozen=True)
class Voter:
    """A validator: its power, and how many of the last `of` blocks hold its vote."""

    power: int
    signed: int
    of: int


def reached(name: str, voters: Mapping[str, Voter], paths: Mapping[Pair, Standing]) -> int:
    """Return the voting power that a validator reaches over paths that are fine or that nobody measures, its own included."""
    ill = {pair for pair, said in paths.items() if said not in ("fine", "unknown")}
    near: dict[str, set[str]] = {one: set() for one in (*voters, *(end for pair in paths for end in pair))}
    for one, other in combinations(sorted(near), 2):
        if (one, other) not in ill:
            near[one].add(other)
            near[other].add(one)
    found, left = {name}, [name]
    while left:
        new = near.get(left.pop(), set()) - found
        found |= new
        left.extend(new)
    return sum(voter.power for one, voter in voters.items() if one in found)


def judged(
    voters: Mapping[str, Voter], paths: Mapping[Pair, Standing], causes: Sequence[Blame], rule: Quorum
) -> Iterator[Finding]:
    """Yield a finding for each validator that missed votes: whether the network explains it, with the numbers."""
    total = sum(voter.power for voter in voters.values())
    for name, voter in sorted(voters.items()):
        if voter.signed >= voter.of:
            continue
        power, least = reached(name, voters, paths), needed(total, rule)
        numbers = f"over fine paths it reaches {power} of {total} voting power, {least} needed"
        explained = power < least
        said = f"explained by {_cause(name, causes)}" if explained else "not explained by the network"
        yield Finding(
            f"mesh.votes.{name}",
            Verdict.WARN,
            _EXPECTED,
            f"missed {voter.of - voter.signed} of {voter.of}, {said}: {numbers}",
            _NETWORK_HINT if explained else _HOST_HINT,
        )


def _cause(name: str, causes: Sequence[Blame]) -> str:
    """Return what is blamed for a validator's paths. From outside, a host that is off and one that is cut off look the same."""
    own = next((one for one in causes if one.kind != "path" and name in one.nodes), None)
    if own is None:
        return "the network"
    if own.standing == "silent":
        return "silence: its host or its way to the network is gone"
    return f"its {own.kind} ({own.standing})"

"""Which path is ill, and whose fault it is: the path's, a node's way to the network, or a host's own. Pure.

A round trip goes both ways, so a path is one thing however many look at it. A node whose paths are mostly ill is blamed for them
before any path is: one cause instead of many. With two ill paths of two nodes nobody can tell more than the paths.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from nodeops.mesh.seen import Measured, Seen

# Fewer questions than these say nothing: the first seconds of a prober.
LEAST_QUESTIONS = 10
# More is lost than a line that works loses: two in a hundred, and at least so many, since one may always be.
LOSS_RATIO, LEAST_LOST = 0.02, 3
# A quarter of the three seconds in which a proposal must have come (CometBFT's timeout_propose): slower paths cost votes.
SLOW_SECONDS = 0.75
# A host whose own question to itself takes so long is too busy to be a judge of others.
NOISY_SECONDS = 0.05
# A node is blamed for its paths when more than half of them are ill, and at least two.
_BLAMED_SHARE, _LEAST_ILL = 0.5, 2

Standing = Literal["fine", "lossy", "slow", "silent", "unknown"]
Pair = tuple[str, str]
# What is known of a node besides its paths: its host is slow to itself, its prober does not run, nobody reached it at all.
Trouble = Literal["host", "prober", "gone"]
_ORDER: tuple[Standing, ...] = ("unknown", "fine", "slow", "lossy", "silent")


@dataclass(frozen=True)
class Blame:
    """One cause: a node's "uplink", what is known of the node instead, or a "path" between two. `paths` are the ill paths that it
    explains.
    """

    kind: Literal["uplink", "path"] | Trouble
    nodes: tuple[str, ...]
    paths: tuple[Pair, ...]
    standing: Standing


def standing(one: Measured) -> Standing:
    """Return how a path is by what one of its ends measured in the last minute."""
    if one.recent < LEAST_QUESTIONS:
        return "unknown"
    if one.recent_lost == one.recent:
        return "silent"
    if one.recent_lost >= LEAST_LOST and one.recent_lost / one.recent > LOSS_RATIO:
        return "lossy"
    return "slow" if (one.rtt_median or 0) > SLOW_SECONDS else "fine"


def pairs(views: Mapping[str, Mapping[str, Standing]]) -> dict[Pair, Standing]:
    """Return each path once, by its names in order, as the worse of what its two ends say."""
    found: dict[Pair, Standing] = {}
    for observer, row in views.items():
        for peer, said in row.items():
            pair = (min(observer, peer), max(observer, peer))
            found[pair] = max(said, found.get(pair, "unknown"), key=_ORDER.index)
    return found


def blames(views: Mapping[str, Mapping[str, Standing]], troubles: Mapping[str, Trouble] | None = None) -> list[Blame]:
    """Return the causes that explain all ill paths, the one that explains most first.

    `views` are what each observer says of its peers; an observer that could not be asked is absent, and judged by the others.
    `troubles` are what is known of nodes besides.
    """
    known = {pair: said for pair, said in pairs(views).items() if said != "unknown"}
    found = list(_nodes(known, troubles or {}))
    explained = {pair for blame in found for pair in blame.paths}
    rest = sorted(pair for pair, said in known.items() if _ill(said) and pair not in explained)
    return [*found, *(Blame("path", pair, (pair,), known[pair]) for pair in rest)]


def _nodes(known: Mapping[Pair, Standing], troubles: Mapping[str, Trouble]) -> Iterator[Blame]:
    """Blame the node with the largest share of ill paths, take its paths away, and go on while one has more than half."""
    left = dict(known)
    while left:
        counted = {name: _of(name, left) for pair in left for name in pair}
        name, (ill, every) = max(counted.items(), key=lambda one: (len(one[1][0]) / one[1][1], len(one[1][0]), one[0]))
        if len(ill) < _LEAST_ILL or len(ill) / every <= _BLAMED_SHARE:
            return
        worst = max((left[pair] for pair in ill), key=_ORDER.index)
        trouble = troubles.get(name)
        # Who answers anybody is not gone, though it did not answer here.
        if trouble == "gone" and any(left[pair] != "silent" for pair in left if name in pair):
            trouble = None
        yield Blame(trouble or "uplink", (name,), tuple(sorted(ill)), worst)
        left = {pair: said for pair, said in left.items() if name not in pair}


def _of(name: str, left: Mapping[Pair, Standing]) -> tuple[list[Pair], int]:
    own = [pair for pair in left if name in pair]
    return [pair for pair in own if _ill(left[pair])], len(own)


def _ill(said: Standing) -> bool:
    return said not in ("fine", "unknown")


def is_noisy(one: Seen) -> bool:
    """Tell whether a host is slow to itself."""
    return (one.noise.rtt_p99 or 0) > NOISY_SECONDS


def view(one: Seen) -> dict[str, Standing]:
    """Return what one node says of its peers."""
    return {name: standing(path) for name, path in one.paths.items()}

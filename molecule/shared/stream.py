"""A steady stream of records while hosts go over, and what became of each; the longest gap between blocks on the chain."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import gaps
import hosts
from tier import FULL

# The last node of the first organisation and that of the last one.
WRITERS = tuple(max(one for one in hosts.NODES if one.startswith(hosts.NODES[end].split("-")[0])) for end in (0, -1))
# What is allowed is a multiple of the bound; in the daily run another lane takes the processor for seconds, and what is looked
# for is a chain that stands.
ALLOWANCE = 4.0 if FULL else 10.0
_WRITE = """mkdir -p /tmp/stream/{run}; n=0
while sleep 0.5; do n=$((n+1)); file=/tmp/stream/{run}/{node}-{run}-$n; echo $n > $file
nodeops record add $file --json > /dev/null && echo $n || echo refused $n; done"""


@dataclass
class Stream:
    """What was written while the block ran: numbers that each node took, and refused."""

    first: int
    run: str
    taken: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[str, list[int]] = field(default_factory=dict)


def height() -> int:
    """Return the chain's newest height."""
    return gaps.height("beta-1")


@contextmanager
def written(run: str) -> Iterator[Stream]:
    """Write records on two nodes of two organisations, one after the other, while the block runs."""
    found = Stream(height(), run)
    with hosts.begun({node: _WRITE.format(node=node, run=run) for node in WRITERS}) as said:
        yield found
    for node in WRITERS:
        lines = said[node].split("\n")
        found.taken[node] = [int(line) for line in lines if line.isdecimal()]
        found.refused[node] = [int(line.split()[1]) for line in lines if line.startswith("refused ")]


def lost(found: Stream) -> dict[str, int]:
    """Return how many records a node took that are not proven there."""
    return {node: len(numbers) - _proven(found.run, node, numbers) for node, numbers in found.taken.items()}


def _proven(run: str, node: str, numbers: list[int]) -> int:
    files = " ".join(f"/tmp/stream/{run}/{node}-{run}-{number}" for number in numbers)
    said = hosts.run(node, f"nodeops ledger wait --blocks 2 --timeout 300 > /dev/null; nodeops record verify {files} --json")
    return sum(one["standing"] == "matches" for one in json.loads(said.out)["records"]) if numbers else 0


def assert_none_lost(found: Stream) -> None:
    """Fail unless each record that a node took is proven there, and there were some of each."""
    assert min(map(len, found.taken.values())) > 3, found
    assert set(lost(found).values()) == {0}, found


def gap(first: int) -> gaps.Gap:
    """Return the gaps between blocks since a height."""
    return gaps.gap("beta-1", first)

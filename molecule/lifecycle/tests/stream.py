"""A steady stream of records while hosts go over, and what became of each; the longest gap between blocks on the chain."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median

import hosts
from tier import FULL

WRITERS = ("alpha-2", "gamma-1")
# timeout_propose of CometBFT. What is allowed is a multiple of the bound; in the daily run another lane takes the processor
# for seconds, and what is looked for is a chain that stands.
ROUND_SECONDS, ALLOWANCE = 3.0, 4.0 if FULL else 10.0
_WRITE = """mkdir -p /tmp/stream/{run}; n=0
while sleep 0.5; do n=$((n+1)); file=/tmp/stream/{run}/{node}-{run}-$n; echo $n > $file
nodeops record add $file --json > /dev/null && echo $n || echo refused $n; done"""
_TIMES = """
import json, sys, urllib.request as u
ask = lambda path: json.loads(u.urlopen("http://127.0.0.1:26657/" + path, timeout=10).read())["result"]
if sys.argv[1] == "now":
    print(ask("status")["sync_info"]["latest_block_height"])
else:
    last = int(ask("status")["sync_info"]["latest_block_height"])
    found = {}
    for low in range(int(sys.argv[1]), last + 1, 20):
        metas = ask("blockchain?minHeight=%d&maxHeight=%d" % (low, min(low + 19, last)))["block_metas"]
        found.update({int(one["header"]["height"]): one["header"]["time"] for one in metas})
    print(json.dumps(found))
"""


@dataclass
class Stream:
    """What was written while the block ran: numbers that each node took, and refused."""

    first: int
    run: str
    taken: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[str, list[int]] = field(default_factory=dict)


def height() -> int:
    """Return the chain's newest height."""
    return int(hosts.script("beta-1", _TIMES, "now"))


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


@dataclass(frozen=True)
class Gap:
    """The longest time between two blocks and the usual one, the median, in seconds of the chain's own clock."""

    longest: float
    usual: float

    @property
    def ratio(self) -> float:
        """Return the longest gap over what one node that is away may cost: three blocks, and the timeout of a round."""
        return self.longest / (3 * self.usual + ROUND_SECONDS)

    def __str__(self) -> str:
        return f"longest gap {self.longest:.1f} s, usual {self.usual:.1f} s, {self.ratio:.2f} of three blocks and a round"


def gap(first: int) -> Gap:
    """Return the gaps between blocks since a height. The first block of a chain bears the time of its genesis: it is left out."""
    times = json.loads(hosts.script("beta-1", _TIMES, str(max(first, 2))))
    ordered = [datetime.fromisoformat(times[height]) for height in sorted(times, key=int)]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(ordered)]
    return Gap(max(gaps), median(gaps))

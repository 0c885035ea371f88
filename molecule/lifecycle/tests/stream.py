"""A steady stream of records while hosts go over, and what became of each; the longest gap between blocks on the chain."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import hosts

WRITERS = ("alpha-2", "gamma-1")
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


def assert_none_lost(found: Stream) -> None:
    """Fail unless each record that a node took is proven there, and there were some of each."""
    for node, numbers in found.taken.items():
        files = " ".join(f"/tmp/stream/{found.run}/{node}-{found.run}-{number}" for number in numbers)
        assert len(numbers) > 3, found
        answer = json.loads(hosts.must(node, f"nodeops ledger wait --blocks 2 > /dev/null; nodeops record verify {files} --json"))
        assert [one["standing"] for one in answer["records"]] == ["matches"] * len(numbers)


def longest_gap(first: int) -> float:
    """Return the longest time between two blocks since a height, in seconds of the chain's own clock."""
    times = json.loads(hosts.script("beta-1", _TIMES, str(first)))
    ordered = [datetime.fromisoformat(times[height][:23] + "+00:00") for height in sorted(times, key=int)]
    return max((later - earlier).total_seconds() for earlier, later in pairwise(ordered))

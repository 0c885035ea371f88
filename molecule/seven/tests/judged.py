"""Whether we ever took a node that the others needed: by the votes in the chain, and by what each host's systemd stopped."""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import hosts

# As the gate counts: nodeops/ledger/node/status.py. A chain that has no block for so long stands, and then nobody's votes count.
LIVE_WINDOW, STANDS_SECONDS = 5, 30
# From the question to the stop.
_ASKED_SECONDS = 3
_STOPPED = "journalctl -q -u ledger.service -o short-unix --since @{since} | grep -F 'Stopping ledger.service' | cut -d' ' -f1"
_COMMITS = """
import json, sys, urllib.request as u
ask = lambda path: json.loads(u.urlopen("http://127.0.0.1:26657/" + path, timeout=20).read())["result"]
last = int(ask("status")["sync_info"]["latest_block_height"])
found = {}
for height in range(int(sys.argv[1]), last + 1):
    signed = ask("commit?height=%d" % height)["signed_header"]
    votes = [one["validator_address"] for one in signed["commit"]["signatures"] if one["block_id_flag"] == 2]
    found[height] = (signed["header"]["time"], votes)
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Stop:
    """One time at which a host's systemd was told to stop its ledger: a planned stop, whoever asked. Seconds since 1970."""

    at: float
    node: str


@dataclass(frozen=True)
class Chain:
    """The blocks of a while: the time of each, in their order, the names of who voted for it, and the first height."""

    first: int
    times: list[float]
    votes: list[frozenset[str]]

    def newest(self, at: float) -> int:
        """Return the place of the newest block at a time, -1 before the first."""
        return bisect_right(self.times, at) - 1

    def voted(self, node: str, after: float, until: float) -> bool:
        """Tell whether a node voted for a block of a span of time."""
        return any(node in votes for votes in self.votes[self.newest(after) + 1 : self.newest(until) + 1])


def stops(since: float, nodes: Iterable[str]) -> set[Stop]:
    """Return all planned stops of nodes since a time. A journal does not outlive its host."""
    found = hosts.at_once(lambda node: hosts.run(node, _STOPPED.format(since=int(since))).out.split(), nodes)
    return {Stop(float(at), node) for node, times in found.items() for at in times}


def chain(node: str, first: int, names: dict[str, str]) -> Chain:
    """Return the chain since a height as a node has it; `names` gives nodes by the addresses of their validators."""
    rows = json.loads(hosts.script(node, _COMMITS, str(first))).values()
    times = [datetime.fromisoformat(time).timestamp() for time, _ in rows]
    return Chain(first, times, [frozenset(names[one] for one in votes) for _, votes in rows])


def spare(stop: Stop, all_stops: set[Stop], seen: Chain) -> int | None:
    """Return how many validators more than the chain needs were left when a node was stopped; None where the chain stood, or the
    node had no vote.

    Gone are those without a vote in the newest blocks, and those that were stopped before and had not voted since. Blocks that
    came between the question and the stop may have been seen or not: somebody who came back in them counts.
    """
    asked = seen.newest(stop.at - _ASKED_SECONDS)
    if asked < LIVE_WINDOW or stop.at - seen.times[asked] > STANDS_SECONDS:
        return None
    live = frozenset().union(*seen.votes[asked - LIVE_WINDOW + 1 : seen.newest(stop.at) + 1])
    if stop.node not in live:
        return None
    earlier = [one for one in all_stops if one.node != stop.node and one.at < stop.at]
    ours = {one.node for one in earlier if not seen.voted(one.node, one.at, stop.at)}
    needed = len(hosts.NODES) * 2 // 3 + 1
    return len(live - ours - {stop.node}) - needed

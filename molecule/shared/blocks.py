"""What the ledger went through while something was done to its hosts: was a process restarted, how long was the longest gap."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import hosts
from tier import FULL

# How long nobody may wait for a block while nothing is restarted. A network whose nodes do not reach each other stands for longer
# than either. In full no other test shares the machine; in every run one does, and a busy machine is not a fault of the change.
_MOST_BLOCK_TIMES, _MOST_SECONDS_BESIDE_OTHERS = 3.0, 10.0
_LEAST_BLOCKS, _PATIENCE_SECONDS = 5, 120


@dataclass(frozen=True)
class Mark:
    """The process of each node at one moment, and the time there."""

    process: Mapping[str, str]
    time: Mapping[str, str]


def most_seconds(block_seconds: float) -> float:
    """Return the longest gap between two commits that a change without a restart may cause."""
    return _MOST_BLOCK_TIMES * block_seconds if FULL else _MOST_SECONDS_BESIDE_OTHERS


def mark() -> Mark:
    """Return the present moment."""
    return Mark(hosts.at_once(_process, hosts.NODES), hosts.at_once(_time, hosts.NODES))


def assert_undisturbed(since: Mark, most_seconds: float, nodes: Sequence[str] = hosts.NODES) -> None:
    """Fail when a ledger was restarted since, or when any of the nodes had a longer gap between two commits."""
    assert hosts.at_once(_process, hosts.NODES) == since.process, "a ledger was restarted"
    assert_no_long_gap(since, most_seconds, nodes)


def assert_no_long_gap(since: Mark, most_seconds: float, nodes: Sequence[str]) -> None:
    """Fail when any of the nodes had a longer gap between two commits since."""
    gaps = hosts.at_once(lambda node: _longest_gap(node, since.time[node]), nodes)
    assert max(gaps.values()) <= most_seconds, gaps


def _process(node: str) -> str:
    # A number may come again, after a boot above all: so also when it was started.
    return hosts.must(node, "systemctl show -p MainPID,NRestarts,ExecMainStartTimestampMonotonic ledger.service").strip()


def _time(node: str) -> str:
    return hosts.must(node, "date -u +%FT%T.%3NZ").strip()


def _longest_gap(node: str, since: str) -> float:
    times, until = _committed(node, since), time.monotonic() + _PATIENCE_SECONDS
    # What was done may have been quicker than so many blocks.
    while len(times) <= _LEAST_BLOCKS:
        assert time.monotonic() < until, f"{node}: {times}"
        time.sleep(1)
        times = _committed(node, since)
    return max((later - earlier).total_seconds() for earlier, later in pairwise(times))


def _committed(node: str, since: str) -> list[datetime]:
    said = hosts.must(node, f"nodeops logs show --since {since} --grep 'committed state'")
    return [datetime.strptime(found, "%Y-%m-%d|%H:%M:%S.%f") for found in re.findall(r"\[([^\]]+)\] committed", said)]  # noqa: DTZ007

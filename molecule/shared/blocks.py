"""What the ledger went through while something was done to its hosts: was a process restarted, how long was the longest gap."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import hosts

_LOG = "/var/log/ledger/ledger.log"


@dataclass(frozen=True)
class Mark:
    """The process and the length of the log of each node at one moment."""

    process: Mapping[str, str]
    length: Mapping[str, int]


def mark() -> Mark:
    """Return the present moment."""
    return Mark(hosts.at_once(_process, hosts.NODES), hosts.at_once(_length, hosts.NODES))


def assert_undisturbed(since: Mark, most_seconds: float) -> None:
    """Fail when a ledger was restarted since, or when any node had a longer gap between two commits."""
    assert hosts.at_once(_process, hosts.NODES) == since.process, "a ledger was restarted"
    gaps = hosts.at_once(lambda node: _longest_gap(node, since.length[node]), hosts.NODES)
    assert max(gaps.values()) <= most_seconds, gaps


def _process(node: str) -> str:
    return hosts.must(node, "systemctl show -p MainPID,NRestarts ledger.service").strip()


def _length(node: str) -> int:
    return int(hosts.must(node, f"stat -c %s {_LOG}"))


def _longest_gap(node: str, since: int) -> float:
    said = hosts.must(node, f"tail -c +{since} {_LOG} | grep 'committed state'")
    times = [datetime.strptime(found, "%Y-%m-%d|%H:%M:%S.%f") for found in re.findall(r"\[([^\]]+)\] committed", said)]  # noqa: DTZ007
    assert len(times) > 5, said[:500]
    return max((later - earlier).total_seconds() for earlier, later in pairwise(times))

"""The time to propose on real hosts: every validator says it, a slow proposer stands out, and the page behind it is closed."""

import time
from collections.abc import Callable
from typing import Any

import hosts
import pytest
from test_exporter import MONITOR, until_exported, values
from tier import FULL

WAIT = 120
# A round trip of less than MeshPathSlow tells, and several times what a proposal takes here without it.
SLOW_MS = 400
STEPS = {"propose", "prevote", "precommit", "commit"}
Figures = dict[str, float]


def said(name: str) -> Figures:
    """Return a metric without labels, of all nodes that say it."""
    found = hosts.at_once(lambda node: values(node, name), hosts.NODES)
    return {node: seen[""] for node, seen in found.items() if seen}


def until(name: str, fits: Callable[[Figures], bool]) -> Figures:
    end = time.monotonic() + WAIT
    while not fits(seen := said(name)):
        assert time.monotonic() < end, (name, seen)
        time.sleep(3)
    return seen


def test_every_validator_says_what_its_proposals_and_steps_take() -> None:
    made = until("consensus_proposals_made_total", lambda seen: len(seen) == len(hosts.NODES) and min(seen.values()) > 0)
    until("consensus_proposals_made_total", lambda seen: all(seen.get(node, 0) > made[node] for node in hosts.NODES))
    for node in hosts.NODES:
        until_exported(node, "consensus_steps_total", lambda seen: set(seen) >= STEPS and min(seen.values()) > 0)
        until_exported(node, "consensus_step_seconds_total", lambda seen: set(seen) >= STEPS)


@pytest.mark.skipif(not FULL, reason="minutes, and no other work on the machine: one path against others, by time")
def test_a_proposer_that_is_slowly_reached_stands_out() -> None:
    name = "consensus_proposal_quorum_seconds"
    before = until(name, lambda seen: len(seen) == len(hosts.NODES) and max(seen.values()) < SLOW_MS / 1000)
    try:
        fault: Any = hosts.controller("lab", "fault", "slow", "beta-1", str(SLOW_MS), "--for", str(3 * WAIT), "--json")
        assert fault["changes"], fault
        until(name, lambda seen: stands_out(seen, "beta-1"))
    finally:
        hosts.controller("lab", "fault", "clear", "--json")
    until(name, lambda seen: len(seen) == len(before) and max(seen.values()) < SLOW_MS / 1000)


def stands_out(seen: Figures, node: str) -> bool:
    others = [value for name, value in seen.items() if name != node]
    return seen.get(node, 0) >= max(SLOW_MS / 1000, 1.5 * max(others))


def test_the_ledgers_own_page_is_on_loopback_alone() -> None:
    port = hosts.controller("document", "show", "alpha-1", "--json")["document"]["ledger"]["ports"]["metrics"]["port"]
    listening = "ss --listening --tcp --numeric --no-header"
    ends = hosts.must("alpha-1", f"{listening} 'sport = :{port}' | awk '{{print $4}}'").split()
    assert ends == [f"127.0.0.1:{port}"]
    knock = f"timeout 5 bash -c '</dev/tcp/{hosts.ADDRESS['alpha-1']}/{port}'"
    assert hosts.run(MONITOR, knock).code != 0

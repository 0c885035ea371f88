"""Every fault of the lab alone: exactly its alerts in the real Prometheus and Alertmanager, each within the time its rule says;
nobody else blamed by the mesh; nothing left, and nothing told late, when it is over. The same table for people: docs/alerts.md.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hosts
import pytest
import yaml
from monitor import ALWAYS, WAIT, Alert, causes, fired, told, until_told
from tier import FULL

_FILES = sorted((hosts.ROOT / "roles/monitoring/files").glob("*rules.yml"))
_GROUPS = [found for file in _FILES for found in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
HOLDS = {rule["alert"]: str(rule.get("for", "0s")) for found in _GROUPS for rule in found["rules"]}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SCRAPE = int(yaml.safe_load((hosts.SCENARIO / "group_vars" / "all.yml").read_text(encoding="utf-8"))["monitoring_scrape_seconds"])
# From what is so until it is told: the slowest collector looks every 15 s and may take as long; a scrape, the evaluation that
# sees it and the one that ends what the rule holds come SCRAPE apart; Prometheus sends, Alertmanager takes.
HEARD = 15 + 15 + 3 * SCRAPE + 10
# The mesh judges by its last minute, so it is asked after one; and how long is looked at what raises nothing.
MESH_SEES, QUIET = 60, 120


@dataclass(frozen=True)
class Case:
    """A fault: its alerts with the seconds until what their rules look for is so, the nodes that the mesh blames (two: the path
    between them), and within how many seconds of its end all is well.
    """

    fault: str
    alerts: Mapping[Alert, int]
    blamed: frozenset[tuple[str, ...]] = frozenset()
    over: int = WAIT

    def within(self, alert: Alert) -> int:
        """Return within how many seconds of the fault an alert is told."""
        holds = HOLDS[alert[0]]
        return self.alerts[alert] + int(holds[:-1]) * _SECONDS[holds[-1]] + HEARD

    def lasts(self) -> int:
        """Return within how many seconds all its alerts are told."""
        return max((self.within(alert) for alert in self.alerts), default=QUIET)


BETA, ALPHA_1 = frozenset({("beta-1",)}), frozenset({("alpha-1",)})
# In this order no validator is away twice within three minutes: ValidatorMissesBlocks tells of that, and is right.
CASES = [
    # systemd starts it again within seconds.
    Case("kill beta-1", {}),
    # Who votes is judged by five blocks, which take longer without one that proposes.
    Case("pause beta-1", {("LedgerDown", "beta-1"): 0, ("QuorumMarginZero", ""): 20}),
    # Without its power no block comes: a head of a minute ago is old.
    Case("pause alpha-1", {("LedgerDown", "alpha-1"): 0, ("NetworkHalted", ""): 60}),
    Case("isolate beta-1", {("ExporterDown", "beta-1"): 0, ("QuorumMarginZero", ""): 20}, BETA),
    # More than 3 of 60 questions are lost on both paths. The chain waits for its votes, so nobody else misses many.
    Case("loss alpha-1 20", {("MeshNodeIsolated", "alpha-1"): 60}, ALPHA_1),
    # Sixteen kilobytes go at once, then one a second, for all that it says.
    Case("rate beta-1 8", {("ExporterDown", "beta-1"): 30, ("QuorumMarginZero", ""): 50}, BETA),
    # More than 6 of 300 questions, each lost after two seconds. What one says reaches the other through the third,
    # and the chain waits for both: cut from alpha-2, beta-1 would miss votes as well.
    Case(
        "cut alpha-1 alpha-2",
        {("MeshPathLossy", "alpha-1"): 10, ("MeshPathLossy", "alpha-2"): 10},
        frozenset({("alpha-1", "alpha-2")}),
    ),
    # The guard stops the node in order, and starts it when there is room; it leaves the stage after five minutes of calm.
    Case(
        "fill alpha-1 /var/log/ledger",
        {("NodeStoppedByGuard", "alpha-1"): 30, ("DiskFilling", "alpha-1"): 10, ("NetworkHalted", ""): 90},
        over=WAIT + 300,
    ),
    # Said of each path, by both ends. A few votes of beta-1 come too late: so this is last, 15 minutes after it was away.
    Case("slow alpha-1 800", {("MeshPathSlow", node): 5 for node in hosts.NODES}, ALPHA_1),
]


@pytest.mark.skipif(not FULL, reason="rules wait for minutes: three quarters of an hour, which a release needs")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_a_fault_raises_its_alerts_in_time_and_no_other_and_blames_nobody_else(case: Case) -> None:
    until_told(ALWAYS)
    until_nobody_is_blamed()
    with made(case) as begun:
        blamed = watched(case, begun)
        wanted = ALWAYS | set(case.alerts)
        assert (told(), blamed) == (wanted, case.blamed), first_seen(begun)
    until_told(ALWAYS, case.over)
    until_nobody_is_blamed()
    first = first_seen(begun)
    assert set(first) == wanted, first
    assert {alert: first[alert] for alert in case.alerts if first[alert] > case.within(alert)} == {}


@contextmanager
def made(case: Case) -> Iterator[float]:
    """Make a fault while the block runs; give the moment before it (Unix seconds). Should this process die, it ends by itself."""
    words = case.fault.split()
    ends = () if words[0] == "kill" else ("--for", str(case.lasts() + WAIT))
    begun = time.time()
    try:
        said: Any = hosts.controller("lab", "fault", *words, *ends, "--json")
        assert said["changes"], said
        yield begun
    finally:
        hosts.controller("lab", "fault", "clear", "--json")


def watched(case: Case, begun: float) -> frozenset[tuple[str, ...]]:
    """Wait until its alerts are told, or should be; return all who were blamed once the mesh had a minute to see."""
    blamed: set[tuple[str, ...]] = set()
    wanted = ALWAYS | set(case.alerts)
    while (since := time.time() - begun) < case.lasts():
        if since > MESH_SEES:
            blamed |= {nodes for _, nodes in causes()}
            if case.alerts and told() == wanted:
                break
        time.sleep(3)
    return frozenset(blamed)


def until_nobody_is_blamed() -> None:
    end = time.monotonic() + WAIT
    while seen := causes():
        assert time.monotonic() < end, seen
        time.sleep(3)


def first_seen(begun: float) -> dict[Alert, int]:
    """Return how many seconds after a fault each alert fired first, told or inhibited, until now."""
    return {alert: round(at - begun) for alert, at in fired(begun, time.time(), SCRAPE).items()}

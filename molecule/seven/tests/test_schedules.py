"""Twenty random schedules of operations and faults on seven real hosts, two controllers: the quorum is never lost by us, nobody
signs twice, every run ends, and what was begun is done or undone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import bad_programs
import builds
import gaps
import hosts
import judged
import pytest
import schedule
from controllers import Controller
from rolled import NEW, OLD, runs

BAD = "v0.1.9"
PATIENCE_SECONDS, RUN_SECONDS, MOST_RUNS = 600, 1500, 4
MANY = int(os.environ.get("NODEOPS_SCHEDULES", "20"))
_STALE = "sed -i s/NODEOPS_CONFIGURATION=./NODEOPS_CONFIGURATION=x/ /etc/systemd/system/ledger.service; systemctl daemon-reload"
_REPLACED = "real=$(readlink -f /opt/ledger/current/ledgerd); cp -a $real $real.new; mv $real.new $real"
_WHOLE = 'test -e "$(readlink /proc/$(systemctl show -p MainPID --value ledger.service)/exe)"'
_FAULTS = {"isolated": ["isolate"], "slow": ["slow"], "paused": ["pause"], "killed": ["kill"]}
Run = Any


@dataclass
class World:
    """Controllers by organisation, what runs of theirs go on, and to which version each wants its nodes to come."""

    controllers: dict[str, Controller]
    crashing: Path
    work: dict[str, Run] = field(default_factory=dict)
    goal: dict[str, str] = field(default_factory=dict)
    dead: dict[str, float] = field(default_factory=dict)
    stops: set[judged.Stop] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("controllers")
    names = sorted(hosts.declared("organisations"))
    found = World({name: Controller(folder, name) for name in names}, bad_programs.crashing(folder / "crashing", seconds=2))
    found.goal = dict.fromkeys(names, OLD)
    yield found
    mend(found)


def lab(world: World, *words: str) -> None:
    """Run `nodeops lab WORDS`. A fault that cannot be made, such as a pause of what does not run, is noted."""
    line = [str(Path(sys.executable).parent / "nodeops"), "lab", *words, "--inventory", str(hosts.SCENARIO)]
    if subprocess.run(line, capture_output=True, timeout=600, check=False).returncode:
        world.ended.append(f"{' '.join(words)}: not done")


def alive(world: World) -> list[str]:
    return [node for node in hosts.NODES if node not in world.dead]


def begin(world: World, name: str, what: str) -> None:
    """Begin an operation of an organisation that has none."""
    if name in world.work:
        return
    one, told = world.controllers[name], builds.artifact(builds.built(NEW))
    version = BAD if what == "upgrade to what crashes" else NEW if what in ("upgrade", "rollback") else world.goal[name]
    one.wants(version, builds.artifact(world.crashing) if version == BAD else told if version == NEW else {})
    line = {"restart": _STALE, "patch": _REPLACED, "restart under a lease that ends": _STALE}.get(what)
    if line:
        hosts.at_once(lambda node: hosts.run(node, line), [node for node in one.nodes if node in alive(world)])
    if "lease" in what and one.nodes[0] in alive(world):
        hosts.run(one.nodes[0], "nodeops quorum lease acquire --for 30s --reason 'a schedule'")
    book = {"rollback": "rollback.yml", "patch": "patch.yml"}.get(what, "restart.yml" if "restart" in what else "upgrade.yml")
    world.goal[name] = {"upgrade": NEW, "rollback": OLD}.get(what, world.goal[name])
    world.work[name] = one.begins(book, "-e", json.dumps({"ledger_restart_seconds": 60}))


def kill(world: World, name: str) -> None:
    if run := world.work.pop(name, None):
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        world.ended.append(f"{name} killed")


def reap(world: World) -> None:
    for name, run in list(world.work.items()):
        if run.poll() is not None:
            world.ended.append(f"{name} {'done' if run.returncode == 0 else 'failed'}")
            del world.work[name]


def hurt(world: World, event: schedule.Event, since: float) -> None:
    if event.what == "dead":
        # With the host goes its journal.
        world.stops |= judged.stops(since, alive(world))
        lab(world, "stop", event.who, "--kill")
        world.dead[event.who] = time.monotonic() + event.seconds
        return
    words = ["fault", *_FAULTS[event.what], event.who, *(["1500"] if event.what == "slow" else [])]
    lab(world, *words, *([] if event.what == "killed" else ["--for", str(event.seconds)]))


def raise_the_dead(world: World, now: float) -> None:
    for node in [node for node, until in world.dead.items() if until <= now]:
        lab(world, "start", node)
        del world.dead[node]


def happen(world: World, event: schedule.Event, since: float) -> None:
    if event.what == "controller killed":
        kill(world, event.who)
    elif event.what in schedule.FAULTS:
        if event.who not in world.dead:
            hurt(world, event, since)
    else:
        begin(world, event.who, event.what)


def mend(world: World) -> None:
    """Kill what goes on, heal who is hurt, start what does not run, and wait until all vote."""
    for name in list(world.work):
        kill(world, name)
    raise_the_dead(world, float("inf"))
    lab(world, "fault", "clear")
    for node in hosts.NODES:
        hosts.wait_until_reachable(node, PATIENCE_SECONDS)
        # A shared connection to a host that died is found out by the first that uses it.
        awaited(lambda node=node: hosts.run(node, "true").code == 0, f"{node} answers")
        if hosts.run(node, "systemctl is-active ledger.service").code:
            world.ended.append(f"{node} started by hand")
            hosts.run(node, "nodeops lifecycle restart --chain-stands --timeout 60")
    # One that nobody reaches goes on telling of its last blocks, in which all voted.
    hosts.at_once(lambda node: hosts.verb(node, "ledger", "wait", "--blocks", "1", "--timeout", "120"), hosts.NODES)
    awaited(all_vote, "all seven vote")


def awaited(true: Callable[[], bool], what: str, seconds: int = PATIENCE_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, what
        time.sleep(2)


def all_vote() -> bool:
    found = hosts.verb(hosts.NODES[0], "ledger", "validators", codes=(0, 1, 3, 5)).get("validators", [])
    return sum(bool(one["live"]) for one in found) == len(hosts.NODES)


def right(world: World, name: str) -> bool:
    """Tell whether an organisation's nodes run what it wants, from a program that nobody replaced meanwhile."""
    return at_goal(world, name) and all(hosts.run(node, _WHOLE).code == 0 for node in world.controllers[name].nodes)


def at_goal(world: World, name: str) -> bool:
    nodes, want = world.controllers[name].nodes, world.goal[name]
    installed = {hosts.must(node, "basename $(readlink /opt/ledger/current)").strip() for node in nodes}
    return (installed, runs(*nodes)) == ({want}, {want})


def go_on(world: World) -> None:
    """Do what each organisation wanted last until it is so, in few runs."""
    left = dict.fromkeys(world.controllers, MOST_RUNS)
    while wrong := [name for name in world.controllers if not right(world, name)]:
        for name in wrong:
            left[name] -= 1
            assert left[name] >= 0, (
                f"{name} cannot come to {world.goal[name]}: {world.controllers[name].said.read_text()[-4000:]}"
            )
            again(world, name)
        awaited(partial(nothing_goes_on, world), "a run never ends", RUN_SECONDS)


def nothing_goes_on(world: World) -> bool:
    reap(world)
    return not world.work


def again(world: World, name: str) -> None:
    one, told = world.controllers[name], builds.artifact(builds.built(NEW))
    if at_goal(world, name):
        # A patch that was killed.
        one.wants(world.goal[name], told if world.goal[name] == NEW else {})
        world.work[name] = one.begins("patch.yml")
        return
    if world.goal[name] == NEW:
        one.wants(NEW, told)
        world.work[name] = one.begins("upgrade.yml")
        return
    leaves = BAD if BAD in {hosts.must(node, "basename $(readlink /opt/ledger/current)").strip() for node in one.nodes} else NEW
    one.wants(leaves, told)
    world.work[name] = one.begins("rollback.yml")


def verify(world: World) -> None:
    """Let each organisation's file say what its nodes run, and judge them by it."""
    for book, *options in (("site.yml", "--tags", "ledger"), ("verify.yml",)):
        for one in world.controllers.values():
            goal = world.goal[one.name]
            one.wants(goal, builds.artifact(builds.built(NEW)) if goal == NEW else {})
        begun = {name: one.begins(book, *options) for name, one in world.controllers.items()}
        for name, run in begun.items():
            code, said = world.controllers[name].ended(run)
            assert code == 0, f"{name}: {said[-4000:]}"


@pytest.mark.parametrize("number", range(MANY))
def test_the_quorum_is_never_lost_by_us_and_every_run_ends(number: int, world: World, told: list[str]) -> None:
    began, since, first = time.monotonic(), time.time(), gaps.height("beta-1")
    world.ended.clear()
    world.stops.clear()
    events = schedule.drawn(number)
    for at in range(0, schedule.SECONDS, schedule.STEP):
        for event in [one for one in events if one.at == at]:
            happen(world, event, since)
        raise_the_dead(world, time.monotonic())
        reap(world)
        time.sleep(max(0.0, began + at + schedule.STEP - time.monotonic()))
    mend(world)
    go_on(world)
    verify(world)
    awaited(all_vote, "all seven vote")
    world.stops |= judged.stops(since, hosts.NODES)
    names = {hosts.verb(node, "ledger", "identity")["validator_address"]: node for node in hosts.NODES}
    chain = judged.chain("beta-1", first, names)
    spare = {stop: judged.spare(stop, world.stops, chain) for stop in world.stops}
    known = [one for one in spare.values() if one is not None]
    told.append(
        f"schedule {number}, {time.monotonic() - began:.0f} s: {'; '.join(map(str, events))}. Runs: {', '.join(world.ended)}. "
        f"{len(spare)} stops, spare {min(known, default='-')}; {gaps.gap('beta-1', first)}"
    )
    assert not [stop for stop, left in spare.items() if left is not None and left < 0], (spare, events)
    assert not [at for at in gaps.with_evidence("beta-1") if at >= first]

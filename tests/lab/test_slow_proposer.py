"""Four real processes of ledgerd on loopback, of which one stands most of the time: which figure names it, and which does not."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import pytest

from nodeops.ledger.answers import Rounds
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rounds import Page
from tests.lab.ledgerd_net import Net, running, until
from tests.ports import free_ports
from tests.unit.ledger.ledgerd_process import program

NODES = ["alpha-1", "alpha-2", "beta-1", "gamma-1"]
SLOW = "beta-1"
# Seconds: it stands and goes in turn; and how long is looked at that.
STANDS, GOES, LOOKED = 0.3, 0.06, 15.0


def asked(net: Net, name: str) -> CometBft:
    """Write the home of a node that says what it measured; return its driver."""
    home, port = net.home(name), free_ports(1)[0]
    with (home / "config/config.toml").open("a") as config:
        config.write(f'[instrumentation]\nprometheus = true\nprometheus_listen_addr = "127.0.0.1:{port}"\n')
    plain = net.driver(name)
    return CometBft(plain.rpc, plain.chain, Page("127.0.0.1", port, 10.0))


@contextmanager
def standing(pid: int) -> Iterator[None]:
    """Stop a process again and again, for most of the time."""
    over = threading.Event()

    def pulse() -> None:
        while not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(STANDS)
            os.kill(pid, signal.SIGCONT)
            time.sleep(GOES)

    work = threading.Thread(target=pulse)
    work.start()
    try:
        yield
    finally:
        over.set()
        work.join()


def rounds(node: CometBft) -> Rounds:
    return node.rounds(node.status().validator_address)


def waited(before: Rounds, after: Rounds) -> float:
    """Return the mean time in the step `propose` between two looks."""
    first, last = before.steps["propose"], after.steps["propose"]
    return (last.seconds - first.seconds) / (last.times - first.times)


def quorums(nodes: dict[str, CometBft]) -> dict[str, float]:
    """Return the usual time that the proposals of each node took for a while."""
    seen: dict[str, list[float]] = {name: [] for name in nodes}
    end = time.monotonic() + LOOKED
    while time.monotonic() < end:
        for name, node in nodes.items():
            if (found := rounds(node).quorum_seconds) is not None:
                seen[name].append(found)
        time.sleep(0.3)
    return {name: median(values) for name, values in seen.items()}


# Not beside other work: it compares times.
@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_time_to_a_quorum_names_a_slow_proposer_and_the_step_propose_does_not(tmp_path: Path) -> None:
    net = Net(tmp_path, NODES)
    nodes = {name: asked(net, name) for name in NODES}
    with ExitStack() as all_of_them:
        processes = {name: all_of_them.enter_context(running(tmp_path / name, program())) for name in NODES}
        until(lambda: all(rounds(node).proposals >= 2 for node in nodes.values()), "two proposals of each")
        with standing(processes[SLOW].pid):
            before = {name: rounds(node) for name, node in nodes.items()}
            took = quorums(nodes)
            after = {name: rounds(node) for name, node in nodes.items()}
    waits = {name: waited(before[name], after[name]) for name in nodes}
    others = [name for name in nodes if name != SLOW]
    assert took[SLOW] > 1.5 * max(took[name] for name in others), (took, waits)
    assert waits[SLOW] < 1.5 * max(waits[name] for name in others), (took, waits)

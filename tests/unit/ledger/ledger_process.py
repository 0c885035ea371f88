"""A real CometBFT of one validator on loopback, for tests marked `lab`: from the artifact cache, built when absent."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nodeops.artifacts.fetch import fetch
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rounds import Page
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.node.wait import Goal, wait_for
from tests.ports import free_ports


@dataclass(frozen=True)
class Process:
    url: str
    chain: str
    home: Path
    page: Page

    def wait_for_height(self, height: int) -> None:
        wait_for(CometBft(Rpc(self.url), self.chain), Goal(height=height), 60, lambda _: None)


def binary() -> str:
    return str(fetch("cometbft", "v0.38.21", arch=platform.machine()).path)


@contextmanager
def running_ledger(home: Path) -> Iterator[Process]:
    """Start a chain of one validator with the builtin application; stop it in the end."""
    program, (rpc, p2p, metrics) = binary(), free_ports(3)
    subprocess.run([program, "init", "--home", home], check=True, capture_output=True, timeout=60)
    chain = json.loads((home / "config" / "genesis.json").read_text())["chain_id"]
    options = ["--proxy_app", "kvstore", "--rpc.laddr", f"tcp://127.0.0.1:{rpc}", "--p2p.laddr", f"tcp://127.0.0.1:{p2p}"]
    told = {"CMT_INSTRUMENTATION_PROMETHEUS": "true", "CMT_INSTRUMENTATION_PROMETHEUS_LISTEN_ADDR": f"127.0.0.1:{metrics}"}
    words = [program, "start", "--home", str(home), *options]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **told})
        try:
            yield Process(f"http://127.0.0.1:{rpc}", chain, home, Page("127.0.0.1", metrics, 5.0))
        finally:
            process.terminate()
            process.wait(30)

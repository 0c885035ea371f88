"""A real CometBFT of one validator on loopback, for tests marked `lab`: from the artifact cache, built when absent."""

import json
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nodeops.artifacts.fetch import fetch
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.node.wait import Goal, wait_for
from tests.ports import free_ports


@dataclass(frozen=True)
class Process:
    url: str
    chain: str
    home: Path

    def wait_for_height(self, height: int) -> None:
        wait_for(CometBft(Rpc(self.url), self.chain), Goal(height=height), 60, lambda _: None)


def binary() -> str:
    return str(fetch("cometbft", "v0.38.21", arch=platform.machine()).path)


@contextmanager
def running_ledger(home: Path) -> Iterator[Process]:
    """Start a chain of one validator with the builtin application; stop it in the end."""
    program, (rpc, p2p) = binary(), free_ports(2)
    subprocess.run([program, "init", "--home", home], check=True, capture_output=True, timeout=60)
    chain = json.loads((home / "config" / "genesis.json").read_text())["chain_id"]
    options = ["--proxy_app", "kvstore", "--rpc.laddr", f"tcp://127.0.0.1:{rpc}", "--p2p.laddr", f"tcp://127.0.0.1:{p2p}"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program, "start", "--home", home, *options], stdout=log, stderr=log)
        try:
            yield Process(f"http://127.0.0.1:{rpc}", chain, home)
        finally:
            process.terminate()
            process.wait(30)

"""Measure how fast three authors at once add records that are then proven, on ledgerd and beside it on CometBFT's sample.

python -m benchmarks.records.rate [--records 1002]. One validator each on loopback, blocks every half second, in one run: the
ratio counts, a second on one machine is not a second on another. Every record is counted afterwards by a reader that starts from
nothing.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.trust import trusted_set
from nodeops.ledger.node.wait import Goal, wait_for
from nodeops.records.add import plan_all, send_all
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.index import Index
from nodeops.records.logs import AuthorLogs
from nodeops.records.planned import Writer
from nodeops.records.store import Store
from nodeops.records.versions import FileDigest
from tests.ports import free_ports
from tests.unit.ledger.ledger_process import binary
from tests.unit.ledger.ledgerd_process import running_ledgerd
from tests.unit.records.author_chain import AUTHORS, key

NAMES = ("alpha-1", "billing", "meter")
PAUSE = "500ms"


@dataclass(frozen=True)
class Chain:
    """A running chain: its address, its name, its genesis."""

    url: str
    name: str
    genesis: bytes

    def open(self) -> Store:
        """Return the sample's store; on ledgerd, a driver and who proves its blocks."""
        driver = CometBft(Rpc(self.url, timeout_seconds=60), self.name)
        return Store(driver, Follower(trusted_set(self.genesis, self.name, "genesis.json"), driver).block)


def _files(name: str, count: int) -> list[FileDigest]:
    return [FileDigest(f"{name}-{number}", f"{name}-{number}", f"{number:064x}", 1) for number in range(count)]


def _authored(chain: Chain, folder: Path, count: int, name: str) -> int:
    store = _author_store(chain, folder / name)
    pen = AuthorPen(store, key(name), folder / name)
    return len(pen.send_all(plan_all(store.history, _files(name, count), revise=False), 120, lambda: None))


def _author_store(chain: Chain, folder: Path) -> AuthorStore:
    sample = chain.open()
    return AuthorStore(AuthorLogs(sample.driver, sample.block, AUTHORS, Index(folder, "genesis"), chain.name))


def _sampled(chain: Chain, count: int, name: str) -> int:
    store, writer = chain.open(), Writer("bench", name)
    return len(send_all(store, writer, plan_all(store.record_history, _files(name, count), revise=False), 120, lambda: None))


def _rate(work: Callable[[str], int]) -> float:
    began = time.perf_counter()
    with ProcessPoolExecutor(len(NAMES)) as pool:
        done = sum(pool.map(work, NAMES))
    return done / (time.perf_counter() - began)


def _counted(history: Callable[[str], Iterable[object]], count: int) -> str:
    found = [sum(1 for _ in history(f"record/{name}-{number}")) for name in NAMES for number in range(count)]
    return f"{found.count(0)} lost, {sum(one > 1 for one in found)} twice, of {len(found)}"


@contextmanager
def _sample(home: Path) -> Iterator[Chain]:
    program, (rpc, p2p) = binary(), free_ports(2)
    subprocess.run([program, "init", "--home", home], check=True, capture_output=True, timeout=60)
    pause = ["--consensus.create_empty_blocks=true", "--proxy_app", "kvstore"]
    config = home / "config/config.toml"
    config.write_text(config.read_text().replace('timeout_commit = "1s"', f'timeout_commit = "{PAUSE}"'))
    words = [
        program,
        "start",
        "--home",
        str(home),
        *pause,
        f"--rpc.laddr=tcp://127.0.0.1:{rpc}",
        f"--p2p.laddr=tcp://127.0.0.1:{p2p}",
    ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            chain = _chain(f"http://127.0.0.1:{rpc}", home)
            wait_for(CometBft(Rpc(chain.url), chain.name), Goal(height=3), 60, lambda _: None)
            yield chain
        finally:
            process.terminate()
            process.wait(30)


def _chain(url: str, home: Path) -> Chain:
    genesis = (home / "config/genesis.json").read_bytes()
    name = genesis.decode().partition('"chain_id": "')[2].partition('"')[0]
    return Chain(url, name, genesis)


def main() -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1002)
    count = parser.parse_args().records // len(NAMES)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running_ledgerd(home / "ledgerd") as process:
            chain = _chain(process.url, process.home)
            ours = _rate(partial(_authored, chain, home, count))
            reader = _author_store(chain, home / "reader")
            reader.frontier()
            held = _counted(lambda one: reader.logs.index.entries(one), count)
            _say(f"ledgerd {ours:7.1f} records/s, each signed and proven; {held}")
        with _sample(home / "sample") as chain:
            theirs = _rate(partial(_sampled, chain, count))
            store = chain.open()
            held = _counted(lambda one: store.record_history(one).versions, count)
            _say(f"sample  {theirs:7.1f} records/s, each proven; {held}")
        _say(f"ratio   {ours / theirs:7.2f}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

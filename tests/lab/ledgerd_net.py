"""A chain of several real ledgerd on loopback, and other builds of it."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from nodeops.artifacts.cache import cache_folder
from nodeops.artifacts.go_build import go_command
from nodeops.artifacts.own_source import REPOSITORY
from nodeops.core.errors import NodeopsError
from nodeops.document.models import Consortium
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.trust import TrustedSet, trusted_set
from nodeops.ledger.founding.genesis import genesis_text, make_genesis
from tests.ports import free_ports
from tests.unit.ledger.ledgerd_process import CHAIN, consortium
from tests.unit.ledger.made_keys import identity_of, write_init

SECONDS = 120.0
# As the role writes it, with the shortest time that CometBFT takes for finding out what its peers have.
STATE_SYNC = """[statesync]
enable = false
rpc_servers = ""
trust_height = 0
trust_hash = ""
trust_period = "168h0m0s"
discovery_time = "5s"
"""


def organisation(node: str) -> str:
    """Return whose node it is, by its name."""
    return node.rpartition("-")[0]


@dataclass
class Net:
    """Homes below a folder, one genesis. `validators` are names of nodes: ORGANISATION-NUMBER."""

    folder: Path
    validators: list[str]
    ports: dict[str, tuple[int, int]] = field(default_factory=dict)
    snapshots: int = 0
    pause: str = "300ms"

    def __post_init__(self) -> None:
        tree = consortium().model_dump(mode="json", exclude_none=True)
        one = {"duty": "validator", "power": 1, "address": "192.0.2.1"}
        tree["nodes"] = {
            name: {**one, "organisation": organisation(name), "address": f"192.0.2.{number}"}
            for number, name in enumerate(self.validators, 1)
        }
        identities = {name: identity_of(name, organisation(name)) for name in self.validators}
        self.consortium, self.identities = Consortium.model_validate(tree), identities
        self.genesis = genesis_text(make_genesis(self.consortium, identities, "2026-01-31T08:00:00Z"))

    def home(self, name: str) -> Path:
        """Write the home of a node that dials all nodes which were made before."""
        home, (rpc, p2p) = self.folder / name, free_ports(2)
        write_init(home, name)
        peers = ",".join(f"{identity_of(other, 'alpha').node_id}@127.0.0.1:{at[1]}" for other, at in self.ports.items())
        self.ports[name] = (rpc, p2p)
        (home / "config/genesis.json").write_text(self.genesis)
        (home / "config/config.toml").write_text(
            f'[rpc]\nladdr = "tcp://127.0.0.1:{rpc}"\n'
            f'[p2p]\nladdr = "tcp://127.0.0.1:{p2p}"\npersistent_peers = "{peers}"\npex = false\nallow_duplicate_ip = true\n'
            f'addr_book_strict = false\n[consensus]\ntimeout_commit = "{self.pause}"\n{STATE_SYNC}'
        )
        # Blocks come quickly here: a snapshot that was offered must be there still when it is fetched, seconds later.
        (home / "config/app.toml").write_text(
            f'minimum-gas-prices = "0upower"\npruning = "default"\n[api]\nenable = false\n[grpc]\nenable = false\n'
            f"[state-sync]\nsnapshot-interval = {self.snapshots}\nsnapshot-keep-recent = 50\n"
        )
        return home

    def driver(self, name: str) -> CometBft:
        return CometBft(Rpc(f"http://127.0.0.1:{self.ports[name][0]}"), CHAIN)

    def trusted(self) -> TrustedSet:
        return trusted_set(self.genesis.encode(), CHAIN, "genesis.json")


@contextmanager
def running(home: Path, built: str, told: Mapping[str, str] = MappingProxyType({})) -> Iterator["subprocess.Popen[bytes]"]:
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [built, "node", "--home", str(home), "--log_format", "json"], stdout=log, stderr=log, env={**os.environ, **told}
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(120)


def until(true: Callable[[], bool], what: str, poll_seconds: float = 0.3) -> None:
    """Wait for something that other processes bring about; a node that does not answer yet is waited for too."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if true():
                return
        except NodeopsError:
            pass
        time.sleep(poll_seconds)
    pytest.fail(f"not within {SECONDS:g} s: {what}")


def until_height(node: CometBft, height: int) -> None:
    until(lambda: node.status().height >= height, f"height {height}")


def built(folder: Path, name: str, source: Path = REPOSITORY / "ledgerd") -> str:
    """Return a source, this one if no other, as a release of another name."""
    target = folder / f"ledgerd-{name}"
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    # What was compiled for the release itself; one name is all that differs.
    settings |= {"GOCACHE": str(cache_folder("artifacts") / ".go-build"), "GOAMD64": "v1"}
    words = [str(go_command()), "build", "-ldflags", f"-s -w -X main.release={name}", "-o", str(target), "."]
    subprocess.run(words, cwd=source, env={**os.environ, **settings}, check=True, capture_output=True, timeout=1500)
    return str(target)

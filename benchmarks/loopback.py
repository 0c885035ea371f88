"""A network of four validators on loopback, for measuring: of ledgerd, or of CometBFT's sample application.

Both make a block a second. Keys are made up and gone in the end.
"""

import base64
import contextlib
import hashlib
import json
import platform
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodeops.artifacts.fetch import fetch
from nodeops.core.errors import HostError
from nodeops.document.models import Consortium
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.founding.genesis import genesis_text, make_genesis
from nodeops.ledger.identity.identity import Identity, ValidatorKey, address_of

NODES = 4
ORGANISATIONS = ("alpha", "beta", "gamma")
APP_TOML = 'minimum-gas-prices = "0upower"\n[api]\nenable = false\n[grpc]\nenable = false\n'
# What is written before a vote; it stops at 1 GiB, whatever its age (CometBFT v0.38, libs/autofile/group.go).
WRITE_AHEAD = "cs.wal"


@dataclass(frozen=True)
class Application:
    """One of the two: what it is called here, its platform and version, and the words that start it."""

    name: str
    platform: str
    version: str
    words: Sequence[str]


SAMPLE = Application("sample", "cometbft", "v0.38.21", ("node", "--proxy_app", "persistent_kvstore", "--log_level", "info"))
LEDGERD = Application("ledgerd", "cosmos", "v0.1.0", ("node", "--log_format", "json", "--log_level", "info"))


@dataclass(frozen=True)
class Used:
    """What one node has used: resident bytes, processor seconds, bytes of its data and of its log, and its height."""

    resident: float
    processor: float
    disk: float
    log: float
    height: float


class Network:
    """Four running validators of one application."""

    def __init__(self, application: Application, at: Path) -> None:
        self.application, self.at = application, at
        self.chain = f"bench-{application.platform}"
        self.processes: list[psutil.Popen] = []
        self.rpc_ports: list[int] = []

    def driver(self, place: int) -> CometBft:
        """Return the driver of one of its nodes."""
        return CometBft(Rpc(f"http://127.0.0.1:{self.rpc_ports[place]}", timeout_seconds=30), self.chain)

    def start(self) -> None:
        """Found the chain and start its nodes; wait for the first blocks."""
        program = str(fetch(self.application.platform, self.application.version, arch=platform.machine()).path)
        homes = [self.at / f"{self.chain}-{place}" for place in range(NODES)]
        identities = {f"n{place}": make_home(home, place) for place, home in enumerate(homes)}
        genesis = genesis_text(make_genesis(consortium(self.application, self.chain), identities, "2026-01-31T08:00:00Z"))
        ports = free_ports(2 * NODES)
        self.rpc_ports, p2p = ports[:NODES], ports[NODES:]
        peers = [f"{identities[f'n{place}'].node_id}@127.0.0.1:{port}" for place, port in enumerate(p2p)]
        for place, home in enumerate(homes):
            (home / "config/genesis.json").write_text(genesis)
            (home / "config/config.toml").write_text(settings(self.rpc_ports[place], p2p[place], peers, place))
            (home / "config/app.toml").write_text(
                'minimum-gas-prices = "0upower"\n[api]\nenable = false\n[grpc]\nenable = false\n'
            )
            log = (home / "log").open("wb")
            words = [program, *self.application.words, "--home", str(home)]
            self.processes.append(psutil.Popen(words, stdout=log, stderr=log))
        wait_for_height(self.driver(0), 5)

    def used(self) -> Used:
        """Return the mean of what its nodes have used so far."""
        found = [self._used(place, process) for place, process in enumerate(self.processes)]
        return Used(*(sum(values) / NODES for values in zip(*found, strict=True)))

    def _used(self, place: int, process: psutil.Popen) -> tuple[float, float, float, float, float]:
        home, times = self.at / f"{self.chain}-{place}", process.cpu_times()
        disk = sum(path.stat().st_blocks * 512 for path in kept_files(home / "data"))
        log = (home / "log").stat().st_size
        return process.memory_info().rss, times.user + times.system, disk, log, self.driver(place).status().height

    def stop(self) -> None:
        """Stop every node that was started."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)


def kept_files(data: Path) -> Iterator[Path]:
    """Yield the files of a node's data that grow for ever."""
    for path in data.rglob("*"):
        if path.is_file() and WRITE_AHEAD not in path.parts:
            yield path


def key(name: str) -> Ed25519PrivateKey:
    """Return the key of a name: its seed is the SHA-256 of it."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    """Return the public part of a key."""
    return key(name).public_key().public_bytes_raw()


def make_home(home: Path, place: int) -> Identity:
    """Write the keys and the unused state of a node, and return its identity."""
    (home / "config").mkdir(parents=True)
    (home / "data").mkdir()
    node, validator = f"node {place}", f"validator {place}"
    for name, seed in (("node_key", node), ("priv_validator_key", validator)):
        (home / f"config/{name}.json").write_text(json.dumps(key_file(seed)))
    (home / "data/priv_validator_state.json").write_text('{"height": "0", "round": 0, "step": 0}')
    public_key = base64.b64encode(public(validator)).decode()
    return Identity(
        node=f"n{place}",
        organisation=ORGANISATIONS[place % len(ORGANISATIONS)],
        node_id=hashlib.sha256(public(node)).hexdigest()[:40],
        validator_key=ValidatorKey(value=public_key),
        validator_address=address_of(public_key),
    )


def key_file(seed: str) -> dict[str, object]:
    """Return what CometBFT keeps of a key."""
    shown = base64.b64encode(public(seed)).decode()
    secret = base64.b64encode(key(seed).private_bytes_raw() + public(seed)).decode()
    return {
        "address": address_of(shown),
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": shown},
        "priv_key": {"type": "tendermint/PrivKeyEd25519", "value": secret},
    }


def consortium(application: Application, chain: str) -> Consortium:
    """Return the consortium of one of the two chains."""
    asked = application is LEDGERD
    accounts = {name: {"account": base64.b64encode(public(name)).decode()} if asked else {} for name in ORGANISATIONS}
    nodes = {
        f"n{place}": {
            "organisation": ORGANISATIONS[place % len(ORGANISATIONS)],
            "duty": "validator",
            "power": 1,
            "address": f"192.0.2.{place + 1}",
        }
        for place in range(NODES)
    }
    ledger = {"platform": application.platform, "version": application.version, "chain": chain}
    tree = {"consortium": "bench", "revision": 1, "ledger": ledger, "organisations": accounts, "nodes": nodes}
    return Consortium.model_validate({**tree, "threshold": 2} if asked else tree)


def settings(rpc: int, p2p: int, peers: Sequence[str], place: int) -> str:
    """Return config.toml of one node."""
    others = ",".join(peer for number, peer in enumerate(peers) if number != place)
    return (
        f'[rpc]\nladdr = "tcp://127.0.0.1:{rpc}"\npprof_laddr = ""\n'
        f'[p2p]\nladdr = "tcp://127.0.0.1:{p2p}"\npersistent_peers = "{others}"\n'
        'pex = false\naddr_book_strict = false\nallow_duplicate_ip = true\n[consensus]\ntimeout_commit = "1s"\n'
    )


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as held:
        listeners = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def wait_for_height(driver: CometBft, height: int, seconds: float = 120) -> None:
    """Wait until a node has a block of a height; leave with a message when it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(HostError):
            if driver.status().height >= height:
                return
        time.sleep(0.5)
    sys.exit(f"no block {height} within {seconds:g} s at {driver.rpc.url}")

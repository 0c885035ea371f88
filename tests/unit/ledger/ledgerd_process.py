"""A real ledgerd of one validator on loopback, for tests marked `lab`: three organisations, two of which decide.

The key of each organisation is `pair(name)`; blocks come every half second.
"""

import json
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nodeops.artifacts.fetch import fetch
from nodeops.document.models import Consortium
from nodeops.ledger.cometbft.rounds import Page
from nodeops.ledger.cosmos.key_file import load_signing_key
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.founding.genesis import genesis_text, make_genesis
from tests.ports import free_ports
from tests.unit.ledger.ledger_process import Process
from tests.unit.ledger.made_keys import author_identity, pair, seed_of, write_init

CHAIN = "loopback-1"
VERSION = "v0.1.0"
# Keys for records, besides the node's own: that of NAME is `pair("record NAME")`.
APPLICATIONS = {"beta": {"billing": pair("record billing")[1]}, "gamma": {"meter": pair("record meter")[1]}}


def program() -> str:
    return str(fetch("cosmos", VERSION, arch=platform.machine()).path)


def organisation_key(name: str) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(seed_of(name)))


def key_file(folder: Path, name: str) -> Path:
    """Write an organisation's key as its custodian would keep it."""
    path = folder / f"{name}.pem"
    key = Ed25519PrivateKey.from_private_bytes(seed_of(name))
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert load_signing_key(path).public == organisation_key(name).public
    return path


def consortium(threshold: int = 2, organisations: Sequence[str] = ("alpha", "beta", "gamma")) -> Consortium:
    tree = {
        "consortium": "loopback",
        "revision": 1,
        "threshold": threshold,
        "ledger": {"platform": "cosmos", "version": VERSION, "chain": CHAIN},
        "organisations": {name: {"account": pair(name)[1], "record_keys": APPLICATIONS.get(name, {})} for name in organisations},
        "nodes": {"alpha-1": {"organisation": "alpha", "duty": "validator", "power": 1, "address": "192.0.2.1"}},
    }
    return Consortium.model_validate(tree)


@contextmanager
def running_ledgerd(home: Path, options: Sequence[str] = ()) -> Iterator[Process]:
    """Start the chain, or one that was stopped; stop it in the end."""
    rpc, p2p, metrics = free_ports(3)
    if not (home / "config").exists():
        write_init(home, "alpha-1")
    genesis = make_genesis(consortium(), {"alpha-1": author_identity("alpha-1", "alpha")}, "2026-01-31T08:00:00Z")
    (home / "config/genesis.json").write_text(genesis_text(genesis))
    (home / "config/config.toml").write_text(
        f'[rpc]\nladdr = "tcp://127.0.0.1:{rpc}"\n[p2p]\nladdr = "tcp://127.0.0.1:{p2p}"\n[consensus]\ntimeout_commit = "500ms"\n'
        f'[instrumentation]\nprometheus = true\nprometheus_listen_addr = "127.0.0.1:{metrics}"\n'
    )
    (home / "config/app.toml").write_text('minimum-gas-prices = "0upower"\n[api]\nenable = false\n[grpc]\nenable = false\n')
    words = [program(), "node", "--home", str(home), "--log_format", "json", *options]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            chain = json.loads((home / "config/genesis.json").read_text())["chain_id"]
            found = Process(f"http://127.0.0.1:{rpc}", chain, home, Page("127.0.0.1", metrics, 5.0))
            found.wait_for_height(1)
            yield found
        finally:
            process.terminate()
            process.wait(30)

"""With the real ledger's binary: keys are made, a killed making is completed, and the genesis made from them commits blocks."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nodeops.core.finding import Verdict
from nodeops.document.models import Consortium
from nodeops.ledger.founding.gather import gather
from nodeops.ledger.identity.files import Layout, ensure, read_identity
from nodeops.ledger.identity.findings import key_findings
from nodeops.ledger.identity.plan import READY
from tests.tiers import some
from tests.unit.ledger.ledger_process import binary

pytestmark = pytest.mark.lab

ME = (os.getuid(), os.getgid())
# A single validator commits its first block within two seconds; a loaded machine gets more.
FIRST_BLOCK_SECONDS = 300


def layout(home: Path) -> Layout:
    home.mkdir()
    keys, data = home / "keys", home / "data"
    names = ("node_key.json", "priv_validator_key.json")
    return Layout(keys, keys / names[0], keys / names[1], data, data / "priv_validator_state.json", user=ME, root=ME)


def consortium(*names: str) -> Consortium:
    node = {"organisation": "org", "duty": "validator"}
    return Consortium.model_validate(
        {
            "consortium": "real",
            "revision": 1,
            "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "real-1"},
            "organisations": {"org": {}},
            "nodes": {name: {**node, "address": f"10.0.0.{number}"} for number, name in enumerate(names, start=1)},
        }
    )


def test_the_real_binary_makes_an_identity_it_recognises_itself(tmp_path):
    at = layout(tmp_path / "home")
    assert len(ensure(at, Path(binary()))) == 1
    shown = read_identity(at, "n1", "org")
    said = subprocess.run([binary(), "show-node-id", "--home", as_home(at, tmp_path / "look")], capture_output=True, check=True)
    assert said.stdout.decode().strip() == shown.node_id
    assert {finding.verdict for finding in key_findings(at)} == {Verdict.PASS}
    assert ensure(at, Path(binary())) == []


def as_home(at: Layout, home: Path) -> Path:
    """Return a home as CometBFT lays it out, with the identity's files."""
    (home / "config").mkdir(parents=True)
    (home / "data").mkdir()
    for file, folder in ((at.node_key, "config"), (at.validator_key, "config"), (at.state, "data")):
        shutil.copy(file, home / folder / file.name)
    return home


MAKER = """
import os, sys
from pathlib import Path
from nodeops.ledger.identity.files import Layout, ensure
home, binary = map(Path, sys.argv[1:3])
keys, data, me = home / "keys", home / "data", (os.getuid(), os.getgid())
print("going", flush=True)
at = Layout(keys, keys / "node_key.json", keys / "priv_validator_key.json", data, data / "priv_validator_state.json", me, me)
ensure(at, binary)
"""


@pytest.mark.parametrize("milliseconds", some([0, 20, 60], [5, 10, 30, 40, 100]))
def test_a_making_that_is_killed_is_completed(tmp_path, milliseconds):
    at = layout(tmp_path / "home")
    with subprocess.Popen([sys.executable, "-c", MAKER, at.home, binary()], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        maker.stdout.readline()
        time.sleep(milliseconds / 1000)
        maker.send_signal(signal.SIGKILL)
    promised = [folder / at.validator_key.name for folder in (at.keys, at.home / READY)]
    before = [file.read_bytes() for file in promised if file.exists()]
    ensure(at, Path(binary()))
    assert before in ([], [at.validator_key.read_bytes()])
    assert {finding.verdict for finding in key_findings(at)} == {Verdict.PASS}


@contextmanager
def running(home: Path) -> Iterator[Path]:
    """Run a node with its RPC on a socket in the file system, so that no port is needed; yield the socket's path."""
    rpc = home / "rpc"
    words = [
        binary(),
        "start",
        "--home",
        home,
        "--proxy_app",
        "kvstore",
        "--rpc.laddr",
        f"unix://{rpc}",
        "--p2p.laddr",
        "tcp://127.0.0.1:0",
    ]
    with (home / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as node:
        try:
            yield rpc
        finally:
            node.kill()


def ask(rpc: Path, path: str) -> str:
    """Return the answer to a GET over the socket; empty while nobody answers."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(rpc))
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


def wait_for(rpc: Path, path: str, text: str) -> str:
    end = time.monotonic() + FIRST_BLOCK_SECONDS
    answer = ""
    while text not in answer and time.monotonic() < end:
        answer = ask(rpc, path)
        time.sleep(0.2)
    return answer


def founded(tmp_path: Path, *names: str) -> tuple[dict[str, Layout], str]:
    """Make an identity for each node, gather them, and return the layouts and the genesis."""
    layouts = {name: layout(tmp_path / name) for name in names}
    for at in layouts.values():
        ensure(at, Path(binary()))
    answers = {name: read_identity(at, name, "org").model_dump(mode="json") for name, at in layouts.items()}
    (tmp_path / "inventory").mkdir()
    gathered = gather(tmp_path / "inventory", consortium(*names), answers, names)
    assert gathered.genesis_text is not None
    return layouts, gathered.genesis_text


def test_a_chain_founded_by_one_commits_blocks(tmp_path):
    layouts, genesis = founded(tmp_path, "n1")
    home = as_home(layouts["n1"], tmp_path / "run")
    (home / "config/genesis.json").write_text(genesis)
    with running(home) as rpc:
        assert '"hash"' in wait_for(rpc, "/block?height=2", '"chain_id":"real-1"')


def test_a_genesis_of_seven_is_read_as_it_was_meant(tmp_path):
    names = tuple(f"n{number}" for number in range(1, 8))
    layouts, genesis = founded(tmp_path, *names)
    home = as_home(layouts["n4"], tmp_path / "run")
    (home / "config/genesis.json").write_text(genesis)
    with running(home) as rpc:
        answer = wait_for(rpc, "/genesis", '"chain_id":"real-1"')
    assert all(f'"name":"{name}"' in answer for name in names)
    assert '"power":"1"' in answer


def test_nothing_is_signed_at_or_below_a_signing_state_that_was_written_by_hand(tmp_path):
    layouts, genesis = founded(tmp_path, "n1")
    home = as_home(layouts["n1"], tmp_path / "run")
    (home / "config/genesis.json").write_text(genesis)
    (home / "data/priv_validator_state.json").write_text('{"height":"4711","round":0,"step":3}\n')
    with running(home) as rpc:
        assert '"latest_block_height":"0"' in wait_for(rpc, "/status", '"network":"real-1"')
        end = time.monotonic() + FIRST_BLOCK_SECONDS
        while "height regression" not in (home / "log").read_text() and time.monotonic() < end:
            time.sleep(0.2)
        assert "height regression" in (home / "log").read_text()
        assert '"latest_block_height":"0"' in ask(rpc, "/status")

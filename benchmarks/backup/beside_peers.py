"""Measure what chain data costs to get again from a peer, beside a backup and a restore of it by restic, on this machine.

python benchmarks/backup/beside_peers.py BINARY [--blocks 5000] [--restic restic]. BINARY is cometbft with its sample application.
One validator makes empty blocks as quick as it can, a second node gets them from it over loopback and verifies each.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_HOST = "127.0.0.1"
_WAIT_SECONDS = 1800
_PASSWORD = "of-a-repository-that-lives-for-a-minute"  # noqa: S105


@dataclass(frozen=True)
class Node:
    """One node of the experiment: its home, and the ports of its peers and of its RPC."""

    home: Path
    p2p: int
    rpc: int

    def configure(self, **values: str) -> None:
        """Write values into config.toml by name; each must be there."""
        file = self.home / "config/config.toml"
        text = file.read_text(encoding="utf-8")
        text = text.replace("tcp://127.0.0.1:26657", f"tcp://{_HOST}:{self.rpc}").replace(":26656", f":{self.p2p}")
        for name, value in values.items():
            text, found = re.subn(rf"(?m)^{name} = .*", f"{name} = {value}", text)
            if not found:
                raise SystemExit(f"config.toml has no {name}")
        file.write_text(text, encoding="utf-8")

    def height(self) -> int:
        """Return its height, -1 while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{_HOST}:{self.rpc}/status", timeout=5) as answer:
                return int(json.load(answer)["result"]["sync_info"]["latest_block_height"])
        except OSError:
            return -1


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and of processor."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        """Return both."""
        return f"{self.wall:7.1f} s  {self.cpu:7.1f} s CPU"


@contextmanager
def running(binary: str, node: Node) -> Iterator[None]:
    """Run a node while the block runs."""
    process = subprocess.Popen([binary, "node", "--home", node.home, "--proxy_app=kvstore"], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def reach(node: Node, height: int) -> float:
    """Wait for a height; return the seconds."""
    began = time.monotonic()
    while node.height() < height:
        if time.monotonic() - began > _WAIT_SECONDS:
            raise SystemExit(f"height {height} was not reached")
        time.sleep(0.2)
    return time.monotonic() - began


def founded(binary: str, at: Path) -> tuple[Node, Node]:
    """Return a validator that is quick, and a node that has it as its peer."""
    first, second = Node(at / "first", 46656, 46657), Node(at / "second", 46756, 46757)
    for node in (first, second):
        subprocess.run([binary, "init", "--home", node.home], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(first.home / "config/genesis.json", second.home / "config/genesis.json")
    said = subprocess.run([binary, "show-node-id", "--home", first.home], check=True, capture_output=True, text=True)
    common = {"log_level": '"error"', "addr_book_strict": "false", "allow_duplicate_ip": "true", "pex": "false"}
    first.configure(timeout_commit='"1ms"', skip_timeout_commit="true", **common)
    second.configure(persistent_peers=f'"{said.stdout.strip()}@{_HOST}:{first.p2p}"', **common)
    return first, second


def timed(argv: list[str], environment: dict[str, str]) -> Cost:
    """Run a command and return what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def measure(binary: str, blocks: int, restic: str, at: Path) -> Iterator[str]:
    """Yield a line for each figure."""
    first, second = founded(binary, at)
    with running(binary, first):
        made = reach(first, blocks)
    yield f"{blocks} empty blocks made in {made:.0f} s; chain data {size(first.home / 'data') / 1e6:.1f} MB"
    # It is to serve what it has: with blocks on demand it makes no more.
    first.configure(create_empty_blocks="false")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with running(binary, first):
        reach(first, blocks)
        with running(binary, second):
            wall = reach(second, blocks - 1)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield f"from a peer, every block verified   {Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)}"
    environment = {**os.environ, "RESTIC_REPOSITORY": str(at / "repository"), "RESTIC_PASSWORD": _PASSWORD}
    timed([restic, "init"], environment)
    data = str(first.home / "data")
    yield f"restic backup, the node stopped     {timed([restic, '--no-cache', 'backup', data], environment)}"
    yield f"repository {size(at / 'repository') / 1e6:.1f} MB"
    with running(binary, first):
        time.sleep(10)
    yield f"restic backup again                 {timed([restic, '--no-cache', 'backup', data], environment)}"
    words = [restic, "--no-cache", "restore", "latest", "--verify", f"--target={at / 'back'}"]
    yield f"restic restore --verify             {timed(words, environment)}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--blocks", type=int, default=5000)
    parser.add_argument("--restic", default="restic")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in measure(given.binary, given.blocks, given.restic, Path(folder)):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

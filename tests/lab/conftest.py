"""Throw-away labs for tests: real Docker hosts, reached as a user reaches them, through the command line.

A lab's inventory lives in build/lab/<name>, not in a temporary folder: whatever kills a test, `make labs-down` and the
next run find the lab and remove it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.contract.rules.tree import ROOT

HERE = Path(__file__).parent
FOLDER = ROOT / "build/lab"
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
LAB_SECONDS = 600
_LONGEST = ("test_scenarios", "test_scenarios_apart", "test_network", "test_bad_input")


class Lanes(LoadFileScheduling):  # type: ignore[misc]
    """A file stays in one lane, but for scenarios that have a network each."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith("/test_scenarios_apart.py") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes | None:
    """Give out the work of `--dist loadfile`."""
    return Lanes(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as needing real hosts, and put the longest first: lanes take files in this order."""
    here = [item for item in items if HERE in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.lab)
    here.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))
    items[:] = [item for item in items if HERE not in item.path.parents] + here


def command(*words: str | Path, seconds: int = LAB_SECONDS, **environment: str) -> subprocess.CompletedProcess[str]:
    """Return a finished command with its output; whether it succeeded is for the test to say."""
    argv, env = [str(word) for word in words], {**ENVIRONMENT, **environment}
    none = subprocess.DEVNULL
    return subprocess.run(argv, cwd=ROOT, env=env, stdin=none, capture_output=True, text=True, timeout=seconds, check=False)


@dataclass(frozen=True)
class LabHosts:
    """The hosts of one test lab, by name, and the ways to reach them."""

    name: str
    inventory: Path
    nodes: tuple[str, ...]

    def nodeops(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `nodeops WORDS --inventory <this lab>` on the controller."""
        return command("nodeops", *words, "--inventory", self.inventory)

    def answer(self, *words: str) -> Any:
        """Return what `nodeops WORDS --json` answers on the controller; it must succeed."""
        done = self.nodeops(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def ssh(self, node: str, line: str) -> subprocess.CompletedProcess[str]:
        """Run a shell line on a host."""
        return command("ssh", "-F", self.inventory / "ssh_config", node, line)

    def play(self, playbook: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the project against this lab."""
        return command("ansible-playbook", "-i", self.inventory / "consortium.yml", playbook, *words, seconds=3 * LAB_SECONDS)


def own(changes: Sequence[Any]) -> list[Any]:
    """Return what changes of a lab itself: the package cache is of all labs, and comes and goes with those beside it."""
    return [change for change in changes if change["what"] != "package cache"]


def choices(subnet: str, **others: Any) -> dict[str, Any]:
    """Return the choices of a lab in a network such as `172.30.70`: its controller may log in, its hosts share one disk."""
    return {"disk": {"ballast_bytes": 16 << 20}, "firewall": {"operators": [f"{subnet}.1/32"]}, **others}


def write_inventory(folder: Path, subnet: str, releases: Sequence[str]) -> tuple[str, ...]:
    """Write the inventory folder of one host for each release, all validators of one organisation; return their names.

    `subnet` is the first three numbers of an IPv4 network of its own, such as `172.30.70`.
    """
    names = tuple(f"t-{number}" for number in range(1, len(releases) + 1))
    members = {
        name: {"organisation": "test", "duty": "validator", "power": 1, "address": f"{subnet}.{number + 10}"}
        for number, name in enumerate(names, 1)
    }
    ledger = {"platform": "cometbft", "version": "v0.38.21", "chain": f"{folder.name}-1", "block_seconds": 1.0}
    consortium = {"consortium": folder.name, "revision": 1, "ledger": ledger, "organisations": {"test": {}}, "nodes": members}
    hosts = {name: {"release": release} for name, release in zip(names, releases, strict=True)}
    files = {
        "consortium.yml": consortium,
        "lab.yml": {"lab": folder.name, "subnet": f"{subnet}.0/24", "release": "debian12", "hosts": hosts},
        "group_vars/all.yml": {"nodeops_manages": ["test"], "nodeops_choices": choices(subnet)},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
    return names


def down(folder: Path) -> None:
    """Remove a lab and its inventory folder; nothing happens where there is none."""
    if (folder / "lab.yml").is_file():
        done = command("nodeops", "lab", "down", "--inventory", folder)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def inventory_of() -> Iterator[Callable[..., LabHosts]]:
    """Return a function that writes a lab's inventory; hosts that a test brings up there are removed afterwards."""
    made: list[Path] = []

    def make(name: str, subnet: str, releases: Sequence[str] = ("debian12", "debian13")) -> LabHosts:
        folder = FOLDER / name
        down(folder)
        made.append(folder)
        return LabHosts(name, folder, write_inventory(folder, subnet, releases))

    yield make
    for folder in made:
        down(folder)


@pytest.fixture(scope="module")
def lab_of(inventory_of: Callable[..., LabHosts]) -> Callable[..., LabHosts]:
    """Return a function that brings up a lab: name, network of its own, one host for each release."""

    def make(name: str, subnet: str, releases: Sequence[str] = ("debian12", "debian13")) -> LabHosts:
        lab = inventory_of(name, subnet, releases)
        lab.answer("lab", "up")
        return lab

    return make


@pytest.fixture(scope="module")
def lab(lab_of: Callable[..., LabHosts]) -> LabHosts:
    """Two hosts, Debian 12 and 13, for a whole module."""
    return lab_of("test", "172.30.70")

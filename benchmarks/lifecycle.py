"""A rolling upgrade of four validators beside two naive playbooks, each under the same stream of records, as Markdown.

The naive ones link the version and restart the ledger, one host after the other and all at once. What is compared: the longest
gap between blocks, what became of the records, and seconds. Nothing here fails because of a figure.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "molecule/lifecycle"
# The hosts of the scenario under another name and in another network.
INVENTORY = ROOT / "build/lab/bench-lifecycle"
_NAMES = {"172.30.53.": "172.30.61.", "lab: molecule-lifecycle": "lab: bench-lifecycle"}
_SKIPPED = "hardening,exporter,mesh,backup,patch"
OLD, NEW = "v0.1.0", "v0.1.1"
# Some blocks before and after, so that the gaps are those of the roll.
_QUIET_SECONDS = 10


@dataclass(frozen=True)
class Rolled:
    """One way to another version: how long it took, the gaps between blocks, and what became of the records."""

    name: str
    seconds: float
    longest: float
    usual: float
    ratio: float
    taken: int
    refused: int
    lost: int

    def row(self, ours: "Rolled") -> str:
        """Return its line of the table."""
        gap = f"{self.longest:.1f} s | {self.usual:.1f} s | {self.ratio:.2f} | {self.longest / ours.longest:.1f}"
        return f"| {self.name} | {gap} | {self.taken} | {self.refused} | {self.lost} | {self.seconds:.0f} s |"


def section() -> list[str]:
    """Bring up a lab of four nodes, measure, bring it down, and return the section of RESULTS.md: ten minutes or so."""
    _write_inventory()
    try:
        run("nodeops", "lab", "up", "--inventory", str(INVENTORY))
        play(INVENTORY, "playbooks/site.yml", "--skip-tags", _SKIPPED)
        return table(measured(INVENTORY))
    finally:
        run("nodeops", "lab", "down", "--inventory", str(INVENTORY))
        shutil.rmtree(INVENTORY)


def _write_inventory() -> None:
    shutil.rmtree(INVENTORY, ignore_errors=True)
    for name in ("consortium.yml", "lab.yml", "group_vars/all.yml"):
        text = (SCENARIO / name).read_text(encoding="utf-8")
        for old, new in _NAMES.items():
            text = text.replace(old, new)
        (INVENTORY / name).parent.mkdir(parents=True, exist_ok=True)
        (INVENTORY / name).write_text(text, encoding="utf-8")


def measured(inventory: Path) -> list[Rolled]:
    """Measure on four nodes that run the old version: over by ours, back and over again by the naive ones."""
    os.environ["MOLECULE_SCENARIO_DIRECTORY"] = str(inventory)
    sys.path[:0] = [str(ROOT / "molecule/shared"), str(SCENARIO / "tests")]
    # They read where their hosts are when they are imported.
    import builds

    told = json.dumps(builds.artifact(builds.built(NEW)))
    file = inventory / "consortium.yml"
    right = file.read_text(encoding="utf-8")
    try:
        file.write_text(right.replace(f"version: {OLD}", f"version: {NEW}"), encoding="utf-8")
        ours = _rolled("upgrade.yml", lambda: play(inventory, "playbooks/upgrade.yml", "-e", told))
        serial = _rolled("naive, serial: 1", lambda: _naive(inventory, OLD, "1"))
        parallel = _rolled("naive, all at once", lambda: _naive(inventory, NEW, "100%"))
    finally:
        file.write_text(right, encoding="utf-8")
    return [ours, serial, parallel]


def _naive(inventory: Path, version: str, serial: str) -> None:
    play(inventory, "benchmarks/naive.yml", "-e", json.dumps({"naive_version": version, "naive_serial": serial}))


def _rolled(name: str, roll: Callable[[], None]) -> Rolled:
    import stream

    with stream.written(f"bench{time.time():.0f}") as found:
        time.sleep(_QUIET_SECONDS)
        with _timed() as took:
            roll()
        time.sleep(_QUIET_SECONDS)
    gap, lost = stream.gap(found.first), stream.lost(found)
    refused = sum(map(len, found.refused.values()))
    return Rolled(
        name, took[0], gap.longest, gap.usual, gap.ratio, sum(map(len, found.taken.values())), refused, sum(lost.values())
    )


@contextmanager
def _timed() -> Iterator[list[float]]:
    began, took = time.monotonic(), [0.0]
    yield took
    took[0] = time.monotonic() - began


def run(*words: str) -> None:
    """Run a command. Leave with its output when it fails: a figure of a failed run is no figure."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"{' '.join(words)} left with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def play(inventory: Path, playbook: str, *more: str) -> None:
    """Run a playbook on the hosts of an inventory."""
    run("ansible-playbook", "-i", str(inventory / "consortium.yml"), playbook, *more)


def table(rows: list[Rolled]) -> list[str]:
    """Return the section of RESULTS.md."""
    text = [
        "## A rolling upgrade",
        "",
        "Four validators, two of which write a record all the time (`benchmarks/lifecycle.py`). A naive playbook links the",
        "version and restarts the ledger; `serial: 1` waits for systemd, not for the chain. The bound: three usual blocks and",
        "the timeout of a round.",
        "",
        "| way | longest gap | usual gap | of the bound | of ours | records taken | refused | lost | took |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return [*text, *(one.row(rows[0]) for one in rows), ""]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inventory", type=Path, help="four nodes of the old version that are there, such as molecule/lifecycle")
    chosen = parser.parse_args()
    sys.stdout.write("\n".join(table(measured(chosen.inventory.resolve())) if chosen.inventory else section()) + "\n")

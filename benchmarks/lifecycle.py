"""Seven validators go over to another version: by upgrade.yml, and by two naive playbooks, each under the same stream of records.

The naive ones copy, link and restart, one host after the other and all at once. It is done with a program that works, with one
that takes its time to start, with one that crashes, and while two validators are cut off. What is compared: the longest gap
between blocks, what became of the records, who votes in the end, and seconds. Nothing here fails because of a figure.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "molecule/seven"
# The hosts of the scenario under another name and in another network.
INVENTORY = ROOT / "build/lab/bench-lifecycle"
_NAMES = {"172.30.58.": "172.30.61.", "lab: molecule-seven": "lab: bench-lifecycle"}
_SKIPPED = "hardening,exporter,mesh,backup,patch"
OLD = "v0.1.0"
WAYS = ("upgrade.yml", "naive, serial: 1", "naive, all at once")
SLOW_SECONDS = 25
CUT_OFF = ("alpha-2", "beta-2")
# Some blocks before and after, so that the gaps are those of the roll; and how long all have to come back once it is mended.
_QUIET_SECONDS, _BACK_SECONDS = 10, 300


@dataclass(frozen=True)
class Case:
    """A version that hosts are taken to: what is special, its name, its program, and who is cut off meanwhile."""

    name: str
    version: str
    program: Path
    cut_off: Sequence[str] = ()


@dataclass(frozen=True)
class Rolled:
    """One way through a case: how long it took, the gaps between blocks until it was mended, what became of the records, and how
    many voted when it was over. `ended`: whether the run said that it went well."""

    case: str
    way: str
    ended: bool
    seconds: float
    longest: float
    ratio: float
    vote: int
    records: dict[str, int] = field(default_factory=dict)

    def row(self) -> str:
        """Return its line of the table."""
        kept = " | ".join(str(self.records[what]) for what in ("taken", "refused", "lost"))
        ended = "well" if self.ended else "stopped"
        gap = f"{self.longest:.1f} s | {self.ratio:.2f}"
        return f"| {self.case} | {self.way} | {gap} | {self.vote} of 7 | {kept} | {ended}, {self.seconds:.0f} s |"


def section() -> list[str]:
    """Bring up a lab of seven nodes, measure, bring it down, and return the section of RESULTS.md: half an hour or so."""
    _write_inventory()
    try:
        must("nodeops", "lab", "up", "--inventory", str(INVENTORY))
        must("ansible-playbook", "-i", str(INVENTORY / "consortium.yml"), "playbooks/site.yml", "--skip-tags", _SKIPPED)
        return table(measured(INVENTORY))
    finally:
        must("nodeops", "lab", "down", "--inventory", str(INVENTORY))
        shutil.rmtree(INVENTORY)


def _write_inventory() -> None:
    shutil.rmtree(INVENTORY, ignore_errors=True)
    for name in ("consortium.yml", "lab.yml", "group_vars/all.yml"):
        text = (SCENARIO / name).read_text(encoding="utf-8")
        for old, new in _NAMES.items():
            text = text.replace(old, new)
        (INVENTORY / name).parent.mkdir(parents=True, exist_ok=True)
        (INVENTORY / name).write_text(text, encoding="utf-8")


def measured(inventory: Path, only: str = "") -> list[Rolled]:
    """Measure on seven nodes that run the old version. `only`: the cases that have this in their name."""
    os.environ["MOLECULE_SCENARIO_DIRECTORY"] = str(inventory)
    # They read where their hosts are when they are imported.
    sys.path.insert(0, str(ROOT / "molecule/shared"))
    with tempfile.TemporaryDirectory() as folder:
        found = [one for one in cases(Path(folder)) if only in one.name]
        return [_told(_rolled(inventory, one, way)) for one in found for way in WAYS]


def _told(one: Rolled) -> Rolled:
    """Say a row when it is there: all of them take half an hour."""
    sys.stderr.write(f"{one.row()}\n")
    return one


def cases(folder: Path) -> Iterator[Case]:
    """Yield what hosts are taken to. Programs are built once."""
    import bad_programs
    import builds

    works = builds.built("v0.1.1")
    yield Case("works", "v0.1.1", works)
    yield Case(f"takes {SLOW_SECONDS} s to start", "v0.1.2", builds.starting_slowly("v0.1.2", folder, SLOW_SECONDS))
    yield Case("crashes after 2 s", "v0.1.9", bad_programs.crashing(folder / "ledgerd", seconds=2))
    yield Case("works, two are cut off", "v0.1.1", works, CUT_OFF)


def _rolled(inventory: Path, case: Case, way: str) -> Rolled:
    import gaps
    import stream

    roll = partial(_ours, inventory, case) if way == WAYS[0] else partial(naive, inventory, case.version, way, case.program)
    with stream.written(f"bench{time.time():.0f}") as found:
        for node in case.cut_off:
            must("nodeops", "lab", "fault", "isolate", node, "--for", "3600", "--inventory", str(inventory))
        time.sleep(_QUIET_SECONDS)
        began = time.monotonic()
        ended = roll()
        took = time.monotonic() - began
        time.sleep(_QUIET_SECONDS)
        vote = _votes()
        _mend(inventory)
    gap, lost = gaps.gap("beta-1", found.first), stream.lost(found)
    taken, refused = (sum(map(len, some.values())) for some in (found.taken, found.refused))
    records = {"taken": taken, "refused": refused, "lost": sum(lost.values())}
    return Rolled(case.name, way, ended, took, gap.longest, gap.ratio, vote, records)


def _ours(inventory: Path, case: Case) -> bool:
    """Run upgrade.yml with the version in the consortium file."""
    import builds

    file = inventory / "consortium.yml"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace(f"version: {OLD}", f"version: {case.version}"), encoding="utf-8")
    try:
        return played(inventory, "playbooks/upgrade.yml", **builds.artifact(case.program))
    finally:
        file.write_text(right, encoding="utf-8")


def naive(inventory: Path, version: str, way: str, program: Path | None = None) -> bool:
    """Run the naive playbook, one host after the other or all at once."""
    told = {"naive_version": version, "naive_serial": "1" if way == WAYS[1] else "100%"}
    return played(inventory, "benchmarks/naive.yml", **told, **({"naive_program": str(program)} if program else {}))


def _mend(inventory: Path) -> None:
    """Take all back to the old version by hand, and wait until all vote."""
    must("nodeops", "lab", "fault", "clear", "--inventory", str(inventory))
    naive(inventory, OLD, WAYS[2])
    until = time.monotonic() + _BACK_SECONDS
    while _votes() < 7:
        if time.monotonic() > until:
            sys.exit("not all seven vote again")
        time.sleep(2)


def _votes() -> int:
    """Return how many signed lately, none where the chain stands."""
    import hosts

    moves = hosts.run("beta-1", "nodeops ledger wait --blocks 2 --timeout 20").code == 0
    found = hosts.verb("beta-1", "ledger", "validators", codes=(0, 1, 3, 5)).get("validators", [])
    return sum(bool(one["live"]) for one in found) if moves else 0


def played(inventory: Path, playbook: str, **told: object) -> bool:
    """Run a playbook on the hosts of an inventory; tell whether it ended well."""
    return run("ansible-playbook", "-i", str(inventory / "consortium.yml"), playbook, "-e", json.dumps(told)).returncode == 0


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}
    none = subprocess.DEVNULL
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env=environment, stdin=none)


def must(*words: str) -> None:
    """Run a command. Leave with its output when it fails: a figure of a failed run is no figure."""
    done = run(*words)
    if done.returncode:
        sys.exit(f"{' '.join(words)} left with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def table(rows: list[Rolled]) -> list[str]:
    """Return the section of RESULTS.md."""
    text = [
        "## A rolling upgrade",
        "",
        "Seven validators, two of which write a record all the time (`benchmarks/lifecycle.py`). A naive playbook copies the",
        "program, links the version and restarts the ledger; `serial: 1` waits for systemd, not for the chain. The bound: three",
        "usual blocks and the timeout of a round. What a run left is mended by hand some seconds later, and the gap lasts until",
        "then: where nobody votes, the chain stood until somebody came.",
        "",
        "| program | way | longest gap | of the bound | vote after it | records taken | refused | lost | run |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return [*text, *(one.row() for one in rows), ""]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inventory", type=Path, help="seven nodes of the old version that are there, such as molecule/seven")
    parser.add_argument("--only", default="", help="the cases that have this in their name")
    chosen = parser.parse_args()
    said = table(measured(chosen.inventory.resolve(), chosen.only)) if chosen.inventory else section()
    sys.stdout.write("\n".join(said) + "\n")

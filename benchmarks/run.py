"""Measure what the project promises to be quick, each beside a yardstick of the same run, and write RESULTS.md.

A second on one machine is not a second on another: what is compared is the ratio to a yardstick that was measured on the
same machine minutes before or after. Nothing here fails because of a time; nothing here touches a running demo.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import disk_guard
import lifecycle
import psutil
import watching
import witnesses
from rich.console import Console

import ledgerd
from nodeops.document.inventory import managed_nodes
from nodeops.document.load import load_consortium
from nodeops.document.resolve import host_paths

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/RESULTS.md"
# A lab of its own, a copy of inventories/lab under another name and in another network.
INVENTORY = ROOT / "build/lab/bench"
NETWORK = ("172.30.0.", "172.30.60.")
PLAY = ("ansible-playbook", "-i", str(INVENTORY / "consortium.yml"))
ONE = ("--limit", "nodes[0]")
APT = "env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -qq -y"
ADHOC = ("ansible", "nodes", "-i", str(INVENTORY / "consortium.yml"), "--become")

Words = Sequence[str]
SAY = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Bench:
    """One promise: what is run, what must hold before each run, and what it is held against.

    `share` divides the measured seconds (a play over seven hosts, told per host); `target` is in seconds.
    """

    name: str
    command: Words
    yardstick: str
    target: float
    prepare: Callable[[], None] = lambda: None
    runs: int = 1
    share: int = 1
    unit: str = "s"


@dataclass(frozen=True)
class Yardstick:
    """What promises are held against: a command, what must hold before each run, and what makes things as they were."""

    command: Words
    prepare: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    runs: int = 3


@dataclass(frozen=True)
class Row:
    """One line of the table: median seconds, spread, the yardstick's median of the same run, and the machine's load before it:
    processes that wanted a core, the mean of a minute."""

    bench: Bench
    seconds: float
    spread: tuple[float, float]
    yardstick: float
    load: float


def lab_hosts() -> int:
    """Return how many hosts the lab has, the monitor included."""
    consortium = load_consortium(INVENTORY)
    return len(consortium.nodes) + len(consortium.monitors)


def nodes() -> int:
    """Return how many nodes Ansible manages there."""
    return len(managed_nodes(load_consortium(INVENTORY), INVENTORY))


def yardsticks() -> dict[str, Yardstick]:
    """Return what everything is held against: the cheapest thing of the same kind."""
    return {
        "python3 -c pass": Yardstick((sys.executable, "-c", "pass")),
        "one no-op Ansible task over all nodes": Yardstick((*ADHOC, "-m", "ansible.builtin.ping")),
        "docker info": Yardstick(("docker", "info")),
        "apt-get alone, all nodes": packages_alone(()),
        "apt-get alone, one node": packages_alone(ONE),
    }


def packages_alone(limit: Words) -> Yardstick:
    """Return the yardstick of a first run: apt-get installs what hardening asks for, and nothing else happens."""

    def raw(line: str) -> tuple[str, ...]:
        return (*ADHOC, *limit, "-m", "ansible.builtin.raw", "-a", line)

    def away() -> None:
        guards_away(limit)
        run(raw("nodeops hardening plan --json | grep -o 'package [^\" ]*\"' | cut -d ' ' -f 2 | tr -d '\"' >/run/bench-wanted"))
        run(raw("dpkg-query -Wf '${Package}\\n' | sort >/run/bench-before"))

    def back() -> None:
        run(raw(f"dpkg-query -Wf '${{Package}}\\n' | sort | comm -13 /run/bench-before - | xargs {APT} purge"))
        run((*PLAY, "benchmarks/guards.yml", *limit))

    return Yardstick(raw(f"xargs {APT} --no-install-recommends install </run/bench-wanted"), away, back, runs=1)


def benches() -> Iterator[Bench]:
    """Yield all promises, in the order in which one prepares the next."""
    task = "one no-op Ansible task over all nodes"
    lab = ("nodeops", "lab", "up", "--inventory", str(INVENTORY))
    agent = (*PLAY, "benchmarks/agent.yml")
    yield Bench("nodeops --help", ("nodeops", "--help"), "python3 -c pass", 0.2, runs=11)
    yield Bench(f"lab up, {lab_hosts()} hosts, images present", lab, "docker info", 20, prepare=lab_down, runs=3)
    yield Bench(f"site.yml, first run, {nodes()} nodes, artifacts cached", (*PLAY, "site.yml"), task, 150)
    yield Bench(f"site.yml, second run, {nodes()} nodes", (*PLAY, "site.yml"), task, 45, runs=3)
    yield Bench(
        "agent install with preflight, per host", agent, task, 3, prepare=agent_away, runs=3, share=nodes(), unit="s/host"
    )
    yield from guards(task)


def guards(task: str) -> Iterator[Bench]:
    """Yield the promises of firewall and hardening, on all nodes and on one. A first run installs its packages from a mirror."""
    everyone, one = (*PLAY, "benchmarks/guards.yml"), (*PLAY, "benchmarks/guards.yml", *ONE)
    yield Bench(
        f"firewall and hardening, first run, {nodes()} nodes", everyone, "apt-get alone, all nodes", 60, prepare=guards_away
    )
    yield Bench(f"firewall and hardening, second run, {nodes()} nodes", everyone, task, 20, runs=3)
    yield Bench(
        "firewall and hardening, first run, one node",
        one,
        "apt-get alone, one node",
        15,
        prepare=partial(guards_away, ONE),
        runs=3,
    )
    yield Bench("firewall and hardening, second run, one node", one, task, 8, runs=3)


def run(words: Words) -> str:
    """Return what a command says. Leave with its output when it fails: a figure of a failed run is no figure."""
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        sys.exit(f"{' '.join(words)} left with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return the environment in which `nodeops` and Ansible are those of the Python that runs this."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"}


def write_inventory() -> None:
    """Write the lab's inventory folder anew, bringing down what an interrupted run left."""
    if (INVENTORY / "lab.yml").is_file():
        lab_down()
    shutil.rmtree(INVENTORY, ignore_errors=True)
    (INVENTORY / "group_vars").mkdir(parents=True)
    for name in ("consortium.yml", "lab.yml", "group_vars/all.yml"):
        text = (ROOT / "inventories/lab" / name).read_text(encoding="utf-8")
        (INVENTORY / name).write_text(text.replace(*NETWORK).replace("lab: demo", "lab: bench"), encoding="utf-8")


def fill_caches() -> None:
    """Make what the promises take for granted: images, the ledger's binary, the agent's trees."""
    for words in (("lab", "up"), ("artifact", "fetch")):
        run(("nodeops", *words, "--inventory", str(INVENTORY)))
    run(("nodeops", "agent", "build"))


def lab_down() -> None:
    """Remove the lab of the benchmarks."""
    run(("nodeops", "lab", "down", "--inventory", str(INVENTORY)))


def agent_away() -> None:
    """Remove the agent from every node, as on a host that never had it."""
    paths = host_paths()
    run((*ADHOC, "-m", "ansible.builtin.raw", "-a", f"rm -rf {paths['agent']} {paths['command']}"))


def guards_away(limit: Words = ()) -> None:
    """Undo firewall and hardening on every node, or on those of a limit: stock again, without packages that came along."""
    command, rules = host_paths()["command"], host_paths()["firewall_rules"]
    firewall = f"systemctl disable --quiet --now nodeops-firewall.service; rm -f {rules}"
    run((*ADHOC, *limit, "-m", "ansible.builtin.raw", "-a", f"{command} hardening undo --console && {firewall}"))


def seconds(words: Words) -> float:
    """Return how long a command took."""
    start = time.monotonic()
    run(words)
    return time.monotonic() - start


def measured(bench: Bench) -> Row:
    """Return the median of a promise's runs and of its yardstick, which is measured just after it."""
    taken, load = [], os.getloadavg()[0]
    for number in range(bench.runs):
        SAY.print(f"{bench.name}: run {number + 1} of {bench.runs}")
        bench.prepare()
        taken.append(seconds(bench.command) / bench.share)
    row = Row(bench, statistics.median(taken), (min(taken), max(taken)), held_against(yardsticks()[bench.yardstick]), load)
    SAY.print(line(row))
    return row


def held_against(yardstick: Yardstick) -> float:
    """Return the median of a yardstick's runs."""
    taken = []
    for _ in range(yardstick.runs):
        yardstick.prepare()
        taken.append(seconds(yardstick.command))
        yardstick.after()
    return statistics.median(taken)


def machine() -> Iterator[str]:
    """Yield what matters about the machine."""
    memory = psutil.virtual_memory().total / (1 << 30)
    yield f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory, {platform.system()} {platform.release()}"
    yield f"Python {platform.python_version()}, {run(('ansible', '--version')).splitlines()[0]}"
    yield f"Docker {run(('docker', 'version', '--format', '{{.Server.Version}}')).strip()}"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the table of all promises."""
    yield "| what | median | min to max, runs | target | held against | yardstick | ratio | load before |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from map(line, rows)


def line(row: Row) -> str:
    """Return a row of that table."""
    bench, (low, high) = row.bench, row.spread
    verdict = "yes" if row.seconds <= bench.target else "**no**"
    return (
        f"| {bench.name} | {row.seconds:.2f} {bench.unit} | {low:.2f} to {high:.2f}, {bench.runs}"
        f" | <= {bench.target:g} {bench.unit}: {verdict} | {bench.yardstick} | {row.yardstick:.2f} s"
        f" | {row.seconds * bench.share / row.yardstick:.1f} | {row.load:.1f} |"
    )


def report(facts: Sequence[str], rows: Sequence[Row], guard: Sequence[str]) -> str:
    """Return RESULTS.md."""
    head = ["# Results", "", "Written by `make bench`; how each figure is got is in [run.py](run.py).", ""]
    note = ["", "The ratio is the whole run over the yardstick of the same minutes: another machine should show it too.", ""]
    return "\n".join([*head, *(f"- {fact}" for fact in facts), "", *table(rows), *note, *guard, *witnesses.section()])


def backups() -> Iterator[str]:
    """Yield how backups do beside plain restic, and beside borg where it is installed."""
    yield from ("", "## Backups", "", "The engine as `nodeops backup` drives it (`benchmarks/backup/beside_restic.py`).", "")
    yield from run((sys.executable, "benchmarks/backup/beside_restic.py")).splitlines()


def main() -> None:
    """Measure everything, or what --only names, and write the results of a whole run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="measure only what has this in its name; writes nothing")
    parser.add_argument("--keep", action="store_true", help="leave the lab up")
    chosen = parser.parse_args()
    write_inventory()
    try:
        SAY.print("filling caches: not measured")
        fill_caches()
        facts = list(machine())
        rows = [measured(bench) for bench in benches() if chosen.only in bench.name]
        watched = [] if chosen.only else watching.section(INVENTORY, lambda book: run((*PLAY, book)))
    finally:
        if not chosen.keep:
            lab_down()
            shutil.rmtree(INVENTORY)
    others = [] if chosen.only else [*watched, *disk_guard.section(), *lifecycle.section(), *ledgerd.section(), *backups()]
    sys.stdout.write(text := report(facts, rows, others))
    if not chosen.only:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""`nodeops lab upgrade`: a lab's ledger goes over to another release and back, one node at a time, while records are written."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from nodeops.artifacts.cache import cache_folder, locked, workspace
from nodeops.artifacts.go_build import build_folder
from nodeops.artifacts.own_source import read_source
from nodeops.artifacts.plan import FolderBuild
from nodeops.core.errors import HostError, InputError
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder, managed_nodes
from nodeops.document.load import CONSORTIUM_FILE
from nodeops.document.profile import OwnSource, load_profile
from nodeops.host.files import write_atomic
from nodeops.lab.saved.made_of import PROJECT
from nodeops.lab.spec import load_lab
from nodeops.lab.state import LAB_FOLDER, SSH_CONFIG_FILE
from nodeops.lab.stories.story import tell
from nodeops.lab.stories.vote import agreed, in_force
from nodeops.screen import console, plain_text

_SECONDS = 3600.0
_PAUSE_SECONDS = 2.0
_REVISION, _VERSION = re.compile(r"^revision: (\d+)$", re.MULTILINE), re.compile(r"\bversion: ([^,}\s]+)")
# On a host of the lab, whose container goes with the lab.
_FILES = "/srv/upgrade"
_WRITE = f"""rm -rf {_FILES}; mkdir {_FILES}; n=0; while sleep 1; do n=$((n+1)); echo {{run}} $n > {_FILES}/{{run}}-$n
nodeops record add {_FILES}/{{run}}-$n > /dev/null && echo $n; done"""


def next_patch(version: str) -> str:
    """Return the patch release after a version. Raise InputError for one without three numbers. Pure."""
    found = re.fullmatch(r"(v\d+\.\d+\.)(\d+)", version)
    if not found:
        raise InputError(f"'{version}' has no patch release after it", where=CONSORTIUM_FILE, allowed="such as v0.1.0")
    return f"{found[1]}{int(found[2]) + 1}"


def renamed(source: FolderBuild, before: str, after: str) -> FolderBuild:
    """Return a source whose program calls itself another release. Raise InputError for one that does not say its name once."""
    line = f'var release = "{before}"'.encode()
    places = [path for path, content in source.files.items() if line in content]
    if len(places) != 1:
        raise InputError(f"does not say that it is {before}", where=f"{source.name}/")
    changed = source.files[places[0]].replace(line, f'var release = "{after}"'.encode())
    return replace(source, files={**source.files, places[0]: changed})


def revised(text: str, version: str) -> str:
    """Return the next revision of a consortium file's text, which names another version. Pure."""
    text = _REVISION.sub(lambda found: f"revision: {int(found[1]) + 1}", text)
    return _VERSION.sub(f"version: {version}", text, count=1)


@dataclass
class Told:
    """What became of one way: numbers of records that a node took, and the time of each block by its height."""

    taken: list[int] = field(default_factory=list)
    blocks: dict[int, float] = field(default_factory=dict)

    @property
    def longest_gap(self) -> float:
        """Return the longest time between two blocks, in seconds of the chain's own clock."""
        times = [self.blocks[height] for height in sorted(self.blocks)]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def upgrade(
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
) -> None:
    """Take the ledger to another release and back, by revisions that its organisations agree on. Interrupted, it goes on."""
    folder = inventory_folder(inventory).resolve()
    load_lab(folder)
    consortium, _ = checked_consortium(folder)
    profile = load_profile(consortium.ledger.platform)
    own = {name: one for name, one in profile.releases.items() if isinstance(one, OwnSource)}
    if not own:
        raise InputError("its ledger is not built from this repository", where=str(folder), hint="docs/ledgerd.md")
    known = max(own)
    other = next_patch(known)
    program = _built(consortium.ledger.platform, own[known].folder, known, other)
    for target, given in ((other, program), (known, {})):
        _agreed(folder, target)
        _gone_over(folder, target, given)


def _built(platform: str, source: str, known: str, other: str) -> Mapping[str, Any]:
    """Return the variables that name this source as another release, built on this machine once."""
    wanted = renamed(read_source(source), known, other)
    folder = cache_folder("artifacts") / platform / other / "demo"
    target = folder / wanted.digest.removeprefix("sha256:")[:16] / source
    say = console(stderr=True).print
    with locked(folder, lambda text: say(plain_text(text))):
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            with workspace(folder) as work:
                build_folder(wanted, "amd64", work, work / source, lambda text: say(plain_text(text)))
                (work / source).rename(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    return {"ledger_artifact": {"source": "file", "path": str(target), "sha256": digest}}


def _agreed(folder: Path, target: str) -> None:
    """Let the organisations agree on a revision that names the version, unless it is in force."""
    file = folder / CONSORTIUM_FILE
    consortium, _ = checked_consortium(folder)
    if consortium.ledger.version != target:
        write_atomic(file, revised(file.read_text(encoding="utf-8"), target).encode(), 0o644)
        consortium, _ = checked_consortium(folder)
    if not in_force(folder):
        tell(agreed(consortium, folder), Console(highlight=False))


def _gone_over(folder: Path, target: str, given: Mapping[str, Any]) -> None:
    """Run the playbook with the live table in front of it, and say what became of records and blocks meanwhile."""
    consortium, _ = checked_consortium(folder)
    node = managed_nodes(consortium, folder)[-1]
    log = folder / LAB_FOLDER / f"upgrade-{target}.log"
    beside = Path(sys.executable).parent
    play = [str(beside / "ansible-playbook"), "-i", str(folder / CONSORTIUM_FILE), str(PROJECT / "playbooks/upgrade.yml")]
    out = Console(highlight=False)
    out.print(f"\n$ ansible-playbook playbooks/upgrade.yml            # to {target}; what it says: {log}", soft_wrap=True)
    told = Told()
    with log.open("wb") as said, _written(folder, node, target, told):
        # Ansible refuses an input that ssh, beside it, has made non-blocking.
        words = [*play, "--extra-vars", json.dumps(given)]
        running = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=PROJECT)
        table = subprocess.Popen([str(beside / "nodeops"), "fleet", "status", "--watch", "--inventory", str(folder)])
        until = time.monotonic() + _SECONDS
        try:
            while running.poll() is None and time.monotonic() < until:
                _note(folder, node, told)
                time.sleep(_PAUSE_SECONDS)
            _note(folder, node, told)
        finally:
            for process in (table, running):
                process.terminate()
                process.wait(30)
    if running.returncode:
        raise HostError(
            f"left with code {running.returncode}", where="ansible-playbook", hint=f"read the end of {log}; run this again"
        )
    _lost(folder, node, target, told)
    lines = (
        f"{len(told.taken)} records written through {node}, none lost; longest time between two blocks {told.longest_gap:.1f} s"
    )
    out.print(f"\nAll nodes run {target}: {lines}", soft_wrap=True)


def _ssh(folder: Path, node: str, line: str) -> list[str]:
    return ["ssh", "-F", str(folder / SSH_CONFIG_FILE), "-o", "ConnectTimeout=5", node, f"sudo -n sh -c {shlex.quote(line)}"]


def _answered(folder: Path, node: str, line: str, seconds: float) -> "subprocess.CompletedProcess[bytes]":
    words = _ssh(folder, node, line)
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)


@contextmanager
def _written(folder: Path, node: str, run: str, told: Told) -> Iterator[None]:
    """Write a record a second on a node while the block runs."""
    words, none = _ssh(folder, node, _WRITE.format(run=run)), subprocess.DEVNULL
    writing = subprocess.Popen(words, stdin=none, stdout=subprocess.PIPE, stderr=none, text=True)
    try:
        yield
    finally:
        writing.terminate()
        told.taken += [int(line) for line in writing.communicate()[0].split() if line.isdecimal()]


def _note(folder: Path, node: str, told: Told) -> None:
    """Note the times of the newest blocks. A node that is being restarted does not answer; it has them all afterwards."""
    done = _answered(folder, node, "nodeops status --json", 30)
    try:
        recent = json.loads(done.stdout)["recent"]
        told.blocks |= {int(one["height"]): datetime.fromisoformat(one["time"]).timestamp() for one in recent}
    except (ValueError, KeyError):
        return


def _lost(folder: Path, node: str, run: str, told: Told) -> None:
    """Raise HostError unless each record that the node took is proven."""
    files = " ".join(f"{_FILES}/{run}-{number}" for number in told.taken)
    line = f"nodeops ledger wait --blocks 2 > /dev/null 2>&1; nodeops record verify {files} --json"
    done = _answered(folder, node, line, 120)
    if not told.taken or done.returncode:
        raise HostError("records that it took are not proven", where=node, hint=f"nodeops record verify {_FILES}/{run}-*")

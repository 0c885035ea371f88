"""The hosts of a scenario, and how a test reaches them: as an operator does, over SSH."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
ROOT = Path(__file__).parents[2]
_LAB = yaml.safe_load((SCENARIO / "lab.yml").read_text(encoding="utf-8"))


def declared(*path: str) -> Any:
    """Return what the scenario's consortium file says, or a part of it."""
    tree: Any = yaml.safe_load((SCENARIO / "consortium.yml").read_text(encoding="utf-8"))
    for key in path:
        tree = tree[key]
    return tree


_NODES = declared("nodes")
LAB = str(_LAB["lab"])
NODES = sorted(_NODES)
ADDRESS = {node: str(_NODES[node]["address"]) for node in NODES}
RELEASE = {node: str(_LAB["hosts"].get(node, {}).get("release", _LAB["release"])) for node in NODES}
# A login that authenticates anew shows what a stranger would meet; one that is shared is ten times as quick.
_SHARED = ("-o", "ControlMaster=auto", "-o", "ControlPersist=120", "-o", f"ControlPath=/tmp/{LAB}-{os.getpid()}-%C")
_ALONE = ("-o", "ControlPath=none")
# What a busy host may take to greet and to exchange keys; and how long one is knocked at that may be closed.
_LOGIN_SECONDS, _KNOCK_SECONDS = 30, 3


# Ours and Debian's timers use the package manager too, and neither apt nor dpkg waits for who has it. Now and then apt
# waits for good for a fetcher that has nothing left to do.
REFRESH = "timeout 100 apt-get -qq update"
_UNLOCKED = (
    "( for _ in $(seq 300); do code=0; said=$( ( {line} ) 2>&1 ) || code=$?;"
    " [ $code = 124 ] || {{ [ $code != 0 ] && echo \"$said\" | grep -qiE '{busy}'; }} || break;"
    ' sleep 1; done; echo "$said"; exit $code )'
)
_BUSY = "could not get lock|unable to lock|locked by another process|unable to acquire the dpkg|lock could not be acquired"


@dataclass(frozen=True)
class Said:
    """What a command on a host said, and how it ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out[-6000:]}\n{self.err[-3000:]}"


def ssh(
    node: str, *words: str, new: bool = False, given: bytes = b"", seconds: int = 600, login_seconds: int = _LOGIN_SECONDS
) -> subprocess.CompletedProcess[bytes]:
    """Run `ssh WORDS` to a host. `new` authenticates anew instead of sharing a connection."""
    login = ("-o", f"ConnectTimeout={login_seconds}")
    options = ("-F", str(SCENARIO / "ssh_config"), *login, *(_ALONE if new else _SHARED))
    return subprocess.run(["ssh", *options, node, *words], input=given, capture_output=True, timeout=seconds, check=False)


def run(node: str, line: str, new: bool = False, given: bytes = b"", seconds: int = 600) -> Said:
    """Run a shell line on a host as root."""
    done = ssh(node, f"sudo sh -c {shlex.quote(line)}", new=new, given=given, seconds=seconds)
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def must(node: str, line: str, given: bytes = b"", seconds: int = 600) -> str:
    """Return what a shell line says that must succeed on a host as root."""
    said = run(node, line, given=given, seconds=seconds)
    assert said.code == 0, f"{node}: {line[:400]}\n{said}"
    return said.out


def script(node: str, text: str, *words: str, seconds: int = 600) -> str:
    """Return what a Python program says that must succeed on a host as root."""
    done = ssh(node, f"sudo python3 - {shlex.join(words)}", given=text.encode(), seconds=seconds)
    assert done.returncode == 0, f"{node}: {done.stderr.decode(errors='replace')[-4000:]}"
    return done.stdout.decode()


def unlocked(line: str) -> str:
    """Return a shell line that runs another one which uses the package manager, again and again while somebody else has it."""
    return _UNLOCKED.format(line=line, busy=_BUSY)


def verb(node: str, *words: str, codes: Iterable[int] = (0,), new: bool = False, seconds: int = 600) -> Any:
    """Return what `nodeops WORDS --json` answers on a host; it must end with one of `codes`."""
    said = run(node, shlex.join(["nodeops", *words, "--json"]), new=new, seconds=seconds)
    assert said.code in tuple(codes) and said.out, f"{node}: nodeops {' '.join(words)}: {said}"
    return json.loads(said.out)


def lets_in(node: str) -> bool:
    """Tell whether a new login works within a few seconds."""
    return ssh(node, "sudo true", new=True, login_seconds=_KNOCK_SECONDS).returncode == 0


def wait_until_reachable(node: str, seconds: float) -> None:
    """Wait until a new login works; fail after so many seconds."""
    until = time.monotonic() + seconds
    while not lets_in(node):
        assert time.monotonic() < until, f"{node}: nobody can log in"
        time.sleep(0.2)


def controller(*words: str) -> Any:
    """Return what `nodeops WORDS` answers as JSON on the controller; findings may fail."""
    nodeops = [str(Path(sys.executable).parent / "nodeops"), *words, "--inventory", str(SCENARIO)]
    return json.loads(subprocess.run(nodeops, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False).stdout)


@contextmanager
def begun(lines: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run a shell line without an end as root on each host while the block runs; then give what each said."""
    options = ("-F", str(SCENARIO / "ssh_config"), *_ALONE)
    words = {node: ["ssh", *options, node, f"sudo sh -c {shlex.quote(line)}"] for node, line in lines.items()}
    none, pipe = subprocess.DEVNULL, subprocess.PIPE
    # ssh makes an input that it shares non-blocking, and Ansible then refuses it.
    running = {node: subprocess.Popen(each, stdin=none, stdout=pipe, text=True) for node, each in words.items()}
    said: dict[str, str] = {}
    try:
        yield said
    finally:
        for process in running.values():
            process.terminate()
        said |= {node: process.communicate()[0].rpartition("\n")[0] for node, process in running.items()}


def play(playbook: str, *options: str, seconds: int = 900) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the project against the scenario."""
    words = ["ansible-playbook", "-i", str(SCENARIO / "consortium.yml"), f"playbooks/{playbook}", *options]
    none = subprocess.DEVNULL
    return subprocess.run(words, cwd=ROOT, stdin=none, capture_output=True, text=True, timeout=seconds, check=False)


def at_once(work: Callable[[str], Any], nodes: Iterable[str]) -> dict[str, Any]:
    """Return what the same work gives on several hosts, done at the same time."""
    nodes = list(nodes)
    with ThreadPoolExecutor(len(nodes) or 1) as pool:
        return dict(zip(nodes, pool.map(work, nodes), strict=True))

"""A flood of logs on one host of a lab, and what its disk guard makes of it: watched from here, second by second."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.core.units import size
from nodeops.disk.view import bar
from nodeops.document.models import NodeDocument

# Nothing left to do for so many looks, a second apart, is calm.
_CALM_LOOKS = 5
_ANSWER_SECONDS = 300
_MB = 1_000_000


@dataclass(frozen=True)
class Flood:
    """What is written: so many bytes a second into the ledger's log of a node, for so many seconds."""

    node: str
    rate: float
    seconds: float


@dataclass(frozen=True)
class Look:
    """The log's filesystem at one moment, as the guard published it; `at` in seconds since the beginning."""

    at: float
    used_percent: float
    stage: str
    live_bytes: int
    sealed_bytes: int
    stopped: bool
    busy: bool
    done: str

    def line(self) -> str:
        """Return the look as a line for people."""
        stage = "node stopped" if self.stopped else self.stage
        filled = f"{bar(self.used_percent)} {self.used_percent:5.1f} %"
        live, sealed = size(self.live_bytes), size(self.sealed_bytes)
        return f"{self.at:5.0f} s  {filled}  {stage:<12}  live {live:>8}  sealed {sealed:>8}  {self.done}"


@dataclass(frozen=True)
class Ended:
    """What is known at the end: what the writer wrote, the heights of the chain, what `disk verify` proved."""

    written: Mapping[str, float]
    height_before: int
    height_after: int
    proof: Mapping[str, Any]


def look(at: float, said: Mapping[str, Any]) -> Look:
    """Return what a status of the guard says of the log's filesystem."""
    place = next(one for one in said["filesystems"] if "log" in one["uses"])
    log, done = said["log"], said["done"]
    return Look(
        at=at,
        used_percent=place["used_percent"],
        stage=place["stage"],
        live_bytes=log["live_bytes"],
        sealed_bytes=log["sealed_bytes"],
        stopped=said["node_stopped"],
        busy=bool(said["plan"]["actions"]),
        done=done[-1].split(" ", 2)[-1] if done else "",
    )


def judged(flood: Flood, looks: Sequence[Look], ended: Ended) -> Result:
    """Return what came of it: the peak, the chain, the accounting."""
    peak = max(one.used_percent for one in looks)
    written = ended.written
    grown = ended.height_after - ended.height_before
    missing = [one for one in ended.proof["findings"] if one["verdict"] != Verdict.PASS]
    findings = [
        _finding(
            "flood.peak", peak < 98 and not any(one.stopped for one in looks), "below 98 %, no stop", f"{peak:.1f} % at most"
        ),
        _finding("flood.chain", grown > 0, "the chain goes on", f"{grown} blocks meanwhile"),
        _finding(
            "flood.lines", not missing, "no byte is missing", "; ".join(one["actual"] for one in missing) or "all accounted for"
        ),
    ]
    volume = f"{size(int(written['bytes']))}, {written['bytes'] / written['seconds'] / _MB:.0f} MB/s"
    summary = f"{written['lines']:.0f} lines, {volume}; slowest write {written['slowest_write']:.2f} s"
    data = {"node": flood.node, "written": dict(written), "looks": [vars(one) for one in looks], "blocks": grown}
    return Result({**data, "peak_percent": peak}, lines=["", f"written: {summary}"], findings=findings)


def _finding(name: str, holds: bool, expected: str, actual: str) -> Finding:
    return Finding(name, Verdict.PASS if holds else Verdict.FAIL, expected, actual, "" if holds else "nodeops disk status there")


class Shell:
    """Runs commands on one host of a lab, over SSH, as root."""

    def __init__(self, config: Path, node: str) -> None:
        self._words = ("ssh", "-F", str(config), node)

    def begin(self, words: Sequence[str], given: str = "") -> "subprocess.Popen[str]":
        """Return a command that has been started there, with a text as its input."""
        line = ["sudo", "-n", *words]
        pipe = subprocess.PIPE
        running = subprocess.Popen([*self._words, shlex.join(line)], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        if running.stdin:
            running.stdin.write(given)
            running.stdin.close()
            running.stdin = None
        return running

    def answer(self, *words: str) -> Any:
        """Return what a command answers as JSON. Raise HostError when it says nothing of the kind."""
        return self.ended(self.begin(words), words)

    def ended(self, running: "subprocess.Popen[str]", words: Sequence[str]) -> Any:
        """Wait for a command and return its JSON. Raise HostError when there is none."""
        out, err = running.communicate(timeout=_ANSWER_SECONDS)
        try:
            return json.loads(out)
        except ValueError as error:
            raise HostError(err.strip() or "no answer", where=shlex.join(words), hint="nodeops fleet disk") from error


def take(flood: Flood, config: Path, document: NodeDocument, settle_seconds: float, show: Callable[[str], None]) -> Result:
    """Flood a node's log, watch its guard until it is calm again, and prove that no line is missing."""
    shell, nodeops = Shell(config, flood.node), document.paths["command"]
    before = _height(shell, nodeops)
    program = resources.files("nodeops.lab.flood").joinpath("writer.py").read_text(encoding="utf-8")
    words = ("python3", "-", document.ledger.paths["log"], str(flood.rate), str(flood.seconds), document.ledger.user)
    writer = shell.begin(words, program)
    looks = []
    with _statuses(shell, document) as statuses:
        for seen in statuses:
            looks.append(seen)
            show(seen.line())
            calm = writer.poll() is not None and not any(one.busy for one in looks[-_CALM_LOOKS:])
            if calm or seen.at > flood.seconds + settle_seconds:
                break
    written = shell.ended(writer, words)
    if not looks:
        raise HostError(
            "its guard has no status", where=flood.node, hint="ansible-playbook site.yml installs it; nodeops fleet disk"
        )
    show("every byte is looked for: nodeops disk verify")
    proof = shell.answer(nodeops, "disk", "verify", "--json")
    return judged(flood, looks, Ended(written, before, _height(shell, nodeops), proof))


def _height(shell: Shell, nodeops: str) -> int:
    return int(shell.answer(nodeops, "status", "--json")["height"] or 0)


@contextmanager
def _statuses(shell: Shell, document: NodeDocument) -> Iterator[Iterator[Look]]:
    """Give what the guard publishes, once a second, as long as somebody looks."""
    file = shlex.quote(document.paths["disk_status"])
    running = shell.begin(("sh", "-c", f"while cat {file} && echo; do sleep 1; done"))
    begin = time.monotonic()
    try:
        yield (look(time.monotonic() - begin, json.loads(line)) for line in running.stdout or () if line.strip())
    finally:
        running.terminate()
        running.communicate()

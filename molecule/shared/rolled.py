"""Runs that take hosts to another version of the ledger, and what is seen of it on hosts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import blocks
import builds
import hosts

OLD, NEW = "v0.1.0", "v0.1.1"


@contextmanager
def version(name: str, revision: int = 1) -> Iterator[None]:
    """Let the consortium file name another version for a while."""
    file = hosts.SCENARIO / "consortium.yml"
    right = file.read_text(encoding="utf-8")
    text = right.replace(f"version: {OLD}", f"version: {name}").replace("revision: 1", f"revision: {revision}")
    try:
        file.write_text(text, encoding="utf-8")
        yield
    finally:
        file.write_text(right, encoding="utf-8")


def played(playbook: str, named: str, program: Path | None = None, **more: Any) -> tuple[int, str]:
    """Return how a run with another version in the consortium file ended, and what it said, on one line."""
    told = {**(builds.artifact(program) if program else {}), **more}
    with version(named):
        done = hosts.play(playbook, "-e", json.dumps(told), seconds=1200)
    return done.returncode, " ".join(done.stdout.split())


def runs(*nodes: str) -> set[str]:
    """Return the versions that processes run, of all nodes where none is named."""
    line = "basename $(dirname $(readlink /proc/$(systemctl show -p MainPID --value ledger.service)/exe))"
    return {said.out.strip() for said in hosts.at_once(lambda node: hosts.run(node, line), nodes or hosts.NODES).values()}


def touched(since: blocks.Mark) -> list[str]:
    """Return whose process is another one now."""
    return [node for node, process in blocks.mark().process.items() if process != since.process[node]]

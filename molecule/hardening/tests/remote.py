"""The hosts of this scenario, one of each release: measured first, then broken on purpose."""

from typing import Any

from hosts import ADDRESS, NODES, RELEASE, ROOT, SCENARIO, at_once, must, play, run, script, ssh, verb, wait_until_reachable

# What is written for people and for benchmarks/witnesses.py; git-ignored.
BUILD = ROOT / "build/witnesses"
__all__ = [
    "ADDRESS",
    "NODES",
    "RELEASE",
    "ROOT",
    "SCENARIO",
    "apply",
    "at_once",
    "must",
    "play",
    "run",
    "script",
    "ssh",
    "verb",
    "wait_until_reachable",
]


def apply(node: str, *words: str, confirm: bool = True) -> Any:
    """Apply (or undo: WORDS), confirm over a new connection as the role does, and return the answer."""
    answer = verb(node, "hardening", *(words or ("apply",)), codes=(0, 1))
    if confirm and answer.get("trial"):
        verb(node, "hardening", "confirm", answer["trial"]["token"], new=True)
    return answer

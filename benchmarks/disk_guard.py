"""What the disk guard costs and survives, for RESULTS.md: benchmarks/disk beside gzip and logrotate, and the scenario in full."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "build/disk/figures.json"
_PROGRAMS = (("seal.py", "Sealing beside gzip"), ("beside_logrotate.py", "Beside logrotate: copytruncate, compress"))
_FLOOD = ["molecule", "test", "--scenario-name", "disk"]


def section() -> list[str]:
    """Measure, and return the section of RESULTS.md. Takes about twenty minutes; as root. Leave with the output of what fails."""
    parts = [
        part for program, title in _PROGRAMS for part in (f"{title} (`benchmarks/disk/{program}`):", "", *_fenced(program), "")
    ]
    return ["## The disk guard", "", *parts, *_in_full()]


def _fenced(program: str) -> Iterator[str]:
    yield "```"
    yield from _said([sys.executable, str(ROOT / "benchmarks/disk" / program)]).splitlines()
    yield "```"


def _in_full() -> Iterator[str]:
    """Yield what the scenario measured at the size that `make test` has no time for."""
    _said(_FLOOD, NODEOPS_FULL="1")
    yield "The scenario `disk` in full (`NODEOPS_FULL=1 molecule test -s disk`), four validators, 256 MiB for each log:"
    yield ""
    for name, value in json.loads(FIGURES.read_text(encoding="utf-8")).items():
        yield f"- {name.replace('_', ' ')}: {value}"
    yield ""


def _said(words: list[str], **environment: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {**os.environ, "PATH": path, **environment}
    done = subprocess.run(words, cwd=ROOT, env=known, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} left with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout

"""What the disk guard costs and survives, for RESULTS.md: benchmarks/disk beside gzip and logrotate, and the scenario `disk`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "build/disk/figures.json"
_PROGRAMS = (("seal.py", "Sealing beside gzip"), ("beside_logrotate.py", "Beside logrotate: copytruncate, compress"))


def section() -> list[str]:
    """Measure, and return the section of RESULTS.md. Takes some minutes; as root. Leave with the output of what fails."""
    parts = [
        part for program, title in _PROGRAMS for part in (f"{title} (`benchmarks/disk/{program}`):", "", *_fenced(program), "")
    ]
    return ["## The disk guard", "", *parts, *_scenario()]


def _fenced(program: str) -> Iterator[str]:
    yield "```"
    yield from said([sys.executable, str(ROOT / "benchmarks/disk" / program)]).splitlines()
    yield "```"


def _scenario() -> Iterator[str]:
    """Yield what the scenario left; nothing when it has not run on this machine."""
    if not FIGURES.is_file():
        return
    yield "Left by the last run of `molecule test -s disk`, four validators with 256 MiB for each log:"
    yield ""
    for name, value in json.loads(FIGURES.read_text(encoding="utf-8")).items():
        yield f"- {name.replace('_', ' ')}: {value}"
    yield ""


def said(words: list[str]) -> str:
    """Return what a program says that must succeed, run at the top of the repository."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} left with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout

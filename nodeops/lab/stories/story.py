"""Real commands one after the other, printed before they run, with their real output. The first surprise ends it."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from nodeops.core.errors import HostError

_COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Step:
    """One command: what it shows, its words, and the exit code that a working network answers with."""

    shows: str
    words: Sequence[str]
    expects: int = 0


def tell(steps: Iterable[Step], console: Console) -> None:
    """Run one step after the other. Raise HostError at the first that does not answer as a working network does."""
    for step in steps:
        _run(step, console)


def quietly(words: Sequence[str]) -> int:
    """Return the exit code of a command whose output nobody needs."""
    return subprocess.run(
        _found(words), timeout=_COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL, capture_output=True
    ).returncode


def _run(step: Step, console: Console) -> None:
    console.print(Text(f"\n{step.shows}", style="bold"))
    console.print(Text(f"$ {shlex.join(step.words)}", style="dim"), soft_wrap=True)
    sys.stdout.flush()
    done = subprocess.run(_found(step.words), timeout=_COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != step.expects:
        text = f"left with code {done.returncode}, expected {step.expects}"
        raise HostError(text, where=shlex.join(step.words), hint="nodeops fleet status shows what is wrong")


def _found(words: Sequence[str]) -> list[str]:
    program = shutil.which(words[0], path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    if program is None:
        raise HostError("is not installed", where=words[0])
    return [program, *words[1:]]

"""What one host answered to one command, how it counts, and how it is shown. Pure."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from nodeops.core.errors import HostError, Timeout

# An answer is a status or a table; 4 MiB is a hundred times the largest of a big network, and 32 of them fit in memory.
OUTPUT_LIMIT_BYTES = 4 << 20
# Codes that a verb of nodeops may leave with (docs/architecture.md). Anything else is trouble of the host.
_VERB_CODES = range(Timeout.exit_code + 1)
# A login shell may greet whoever comes, programs too; that its greeting begins lines like this so often is no accident.
_OBJECT = re.compile(r"^\{", re.MULTILINE)
_ATTEMPTS = 5
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


class State(StrEnum):
    """How far a command came on a host. Only `ANSWERED` has an exit code."""

    ANSWERED = "answered"
    DEAD = "dead"
    HOST_KEY = "host key does not match"
    LOGIN = "login refused"
    NOT_RUN = "nodeops cannot be run"
    LATE = "no answer in time"
    TOO_LONG = "answer too long"


@dataclass(frozen=True)
class Reply:
    """One host's answer. `error` and `hint` say why there is none; `seconds` is how long the host took."""

    node: str
    state: State
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    hint: str = ""
    seconds: float = 0.0


class OutputTooLongError(Exception):
    """A host sent more than anyone asked for."""


class OutputCounter:
    """Stands where a command's output is written to, keeps nothing, and stops a command that prints without end."""

    def __init__(self) -> None:
        self.left = OUTPUT_LIMIT_BYTES

    def write(self, text: str | bytes) -> None:
        """Count the text. Raise OutputTooLongError above the limit."""
        self.left -= len(text)
        if self.left < 0:
            raise OutputTooLongError

    def flush(self) -> None:
        """Do nothing: nothing is held back here."""


# What is missing on a host, as a shell or sudo says it, and what to do.
_MISSING = {
    "python3": "install python3 there: apt-get install python3",
    "nodeops": "run ansible-playbook site.yml for this host",
    "sudo": "install sudo there, and allow this SSH user to use it without password",
}
_SUDO_HINT = "allow this SSH user sudo without password"
# What a shell reports for a program that it cannot run, or cannot find.
_NO_PROGRAM = (126, 127)
_NOT_FOUND = re.compile(r"not found|No such file")


def not_run(reply: Reply) -> Reply:
    """Return the reply, told apart from a verb's own exit code when it was sudo that refused, or a program is missing."""
    said = [line for line in reply.stderr.splitlines() if line.strip()]
    words = one_line(said[-1], 160) if said else ""
    refused = reply.exit_code == 1 and words.startswith("sudo:") and json_text(reply.stdout) is None
    if not refused and (reply.exit_code not in _NO_PROGRAM or json_text(reply.stdout) is not None):
        return reply
    words = words.removeprefix("sudo:").strip() or "the program cannot be run"
    missing = next((name for name in _MISSING if name in words), "nodeops") if _NOT_FOUND.search(words) else None
    hint = _MISSING[missing] if missing else _SUDO_HINT
    return replace(reply, state=State.NOT_RUN, exit_code=None, error=words, hint=hint)


def json_text(text: str) -> str | None:
    """Return the JSON object of an answer without what the login shell printed before it, or None when there is none."""
    for begin in islice(_OBJECT.finditer(text), _ATTEMPTS):
        if parsed(text[begin.start() :]) is not None:
            return text[begin.start() :]
    return None


def counted_code(reply: Reply) -> int:
    """Return a host's share in the exit code: its verb's own code, else 3 (host), or 5 when it took too long."""
    if reply.state is State.LATE:
        return Timeout.exit_code
    if reply.state is not State.ANSWERED or reply.exit_code not in _VERB_CODES:
        return HostError.exit_code
    return reply.exit_code or 0


def worst_code(replies: Iterable[Reply]) -> int:
    """Return 0 when every host left with 0, else the highest code of any host."""
    return max((counted_code(reply) for reply in replies), default=0)


def as_data(reply: Reply, answer_is_json: bool) -> dict[str, Any]:
    """Return a reply for --json; what a verb printed as JSON becomes `answer`, everything else stays text in `stdout`."""
    data: dict[str, Any] = {"state": reply.state.value, "exit_code": reply.exit_code, "stderr": reply.stderr}
    data |= {"error": reply.error, "hint": reply.hint, "seconds": round(reply.seconds, 3)}
    answer = parsed(json_text(reply.stdout) or "") if answer_is_json else None
    return data | ({"stdout": reply.stdout} if answer is None else {"answer": answer})


def parsed(text: str) -> Any:
    """Return the JSON value of an answer, or None when it is not JSON. A host may send anything."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def headed(reply: Reply) -> list[str]:
    """Return the lines a person sees for one host: its name and outcome, then what it printed."""
    outcome = f"exit code {reply.exit_code}" if reply.state is State.ANSWERED else f"{reply.state}: {reply.error}"
    lines = [f"── {reply.node} · {one_line(outcome, 300)} · {reply.seconds:.1f} s"]
    lines += readable(reply.stdout).rstrip("\n").split("\n") if reply.stdout.strip() else []
    lines += [f"stderr: {line}" for line in readable(reply.stderr).splitlines() if line.strip()]
    return lines + ([f"  do: {reply.hint}"] if reply.hint else [])


def readable(text: str) -> str:
    """Return text without escape sequences and control characters: a host cannot move the cursor or hide what it said."""
    plain = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return "".join(character for character in plain if character in "\n\t" or unicodedata.category(character)[0] != "C")


def one_line(text: str, limit: int) -> str:
    """Return text as one line of at most `limit` characters, for a cell or a heading."""
    line = " ".join(readable(text[: 8 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"

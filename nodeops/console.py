"""The one place where a verb answers: text for a person (by nodeops.screen) or JSON for a machine."""

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.printable import harmless
from nodeops.core.result import Result

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of tables.")]
DocumentOption = Annotated[
    Path | None, typer.Option("--document", hidden=True, help="Node document to use instead of this host's.")
]


def finite(value: float | None) -> float | None:
    """Return a number that an option was given. Raise a usage error for `nan` and `inf`, which pass every bound."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"'{value}' is not a number")
    return value


WaitOption = Annotated[
    float,
    typer.Option(
        "--wait", min=0, max=86400, callback=finite, metavar="SECONDS", help="Wait that long for another change to end."
    ),
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]

# What a shell reports for a program whose reader went away: 128 + SIGPIPE.
_READER_GONE = 141
# The colours that Ansible puts into a line before it shows it. Text that cannot be seen is not among them.
_COLOURS = re.compile(r"(\x1b\[(?:0|[01];3[1-7])m)")


def guarded(show: Callable[..., None]) -> Callable[..., None]:
    """Return what shows text as Ansible's display does (`show`), but nothing that a host sent to steer the terminal.

    A host that was taken over answers what it likes, and Ansible prints some of that as it came.
    """

    @wraps(show)
    def shown(msg: str, *arguments: Any, **options: Any) -> None:
        pieces = _COLOURS.split(msg.replace("\r\n", "\n"))
        show("".join(piece if number % 2 else harmless(piece) for number, piece in enumerate(pieces)), *arguments, **options)

    return shown


def emit(result: Result, as_json: bool = False) -> None:
    """Print a result and leave with its exit code when a finding failed. Raise HostError when it cannot be written."""
    with _output():
        if as_json:
            sys.stdout.write(json.dumps(result.as_dict(), indent=2, sort_keys=True) + "\n")
        else:
            # start-up: see nodeops.screen
            from nodeops.screen import show

            show(result)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def emit_bytes(pieces: Iterable[bytes]) -> None:
    """Write bytes as they are; an empty piece writes out what is buffered. Raise HostError when that is not possible."""
    with _output():
        for piece in pieces:
            sys.stdout.buffer.write(piece)
            if not piece:
                sys.stdout.flush()


def emit_lines(lines: Iterable[bytes]) -> None:
    """Write lines that came from outside: to a terminal as harmless text, elsewhere as they are. Raise as `emit_bytes`."""
    steered = sys.stdout.isatty()
    emit_bytes((_harmless(line) if steered else line) + b"\n" for line in lines)


def _harmless(line: bytes) -> bytes:
    return harmless(line.decode(errors="backslashreplace")).encode()


@contextmanager
def _output() -> Iterator[None]:
    """Flush standard output now, so that a reader that went away or a full disk is noticed while it can be reported."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        raise SystemExit(_READER_GONE) from None
    except OSError as error:
        _discard_output()
        raise HostError(f"the answer cannot be written: {error.strerror}", where="standard output") from error


def _discard_output() -> None:
    """Give the interpreter, which flushes once more at exit, somewhere to write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def error_data(error: NodeopsError) -> dict[str, Any]:
    """Return an error as machines are told it."""
    body = {"kind": error.kind, "what": error.what, "where": error.where, "allowed": error.allowed, "hint": error.hint}
    return {"error": body, "exit_code": error.exit_code}


def emit_error(error: NodeopsError, as_json: bool) -> None:
    """Print an error on stderr for people, or as one JSON object on stdout for machines."""
    if as_json:
        sys.stdout.write(json.dumps(error_data(error), indent=2) + "\n")
    # start-up: see nodeops.screen
    from nodeops.screen import show_error

    show_error(error)


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal's stderr that something is at work, gone when done; yield what puts another text in its place.

    A pipe and a file are told nothing.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # start-up: see nodeops.screen
    from nodeops.screen import console, plain_text

    with console(stderr=True).status(plain_text(text)) as status:
        yield lambda said: status.update(plain_text(said))


def aside(text: str, style: str = "") -> None:
    """Print a line for people on stderr, beside the answer."""
    # start-up: see nodeops.screen
    from nodeops.screen import tell

    tell(text, style)

"""The one place where a Result becomes text for a person or JSON for a machine."""

import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table as RichTable
from rich.text import Text

from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.printable import harmless
from nodeops.core.result import Change, Result, Table

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

_STYLE = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.FAIL: "bold red",
    Verdict.WAIVED: "cyan",
    Verdict.NOT_APPLICABLE: "dim",
    Verdict.NOT_TESTABLE_HERE: "dim",
    Verdict.UNKNOWN: "magenta",
}


# What a shell reports for a program whose reader went away: 128 + SIGPIPE.
_READER_GONE = 141
# A pipe or a file has no width: a row stays one line there, so that grep and a log keep it whole.
_UNLIMITED_COLUMNS = 10_000
# The colours that Ansible puts into a line before it shows it. Text that cannot be seen is not among them.
_COLOURS = re.compile(r"(\x1b\[(?:0|[01];3[1-7])m)")


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Let `_output` decide how to leave; rich would leave with 1, which here means that a finding failed."""
        raise BrokenPipeError


def console(stderr: bool = False) -> Console:
    """Return the console all text for people goes through: as wide as the terminal, or never folding in a pipe or a file."""
    stream = sys.stderr if stderr else sys.stdout
    return _Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _UNLIMITED_COLUMNS)


def plain_text(value: str, style: str = "") -> Text:
    """Return text that prints as it is: no markup, and every character that would steer a terminal shown as its escape."""
    return Text(harmless(value), style=style)


def guarded(show: Callable[..., None]) -> Callable[..., None]:
    """Return what shows text as Ansible's display does (`show`), but nothing that a host sent to steer the terminal.

    A host that was taken over answers what it likes, and Ansible prints some of that as it came.
    """

    @wraps(show)
    def shown(msg: str, *arguments: Any, **options: Any) -> None:
        pieces = _COLOURS.split(msg.replace("\r\n", "\n"))
        show("".join(piece if number % 2 else harmless(piece) for number, piece in enumerate(pieces)), *arguments, **options)

    return shown


def progress(shown: Status) -> Callable[[str], None]:
    """Return what shows each text it is given in the place of the one before."""
    return lambda text: shown.update(plain_text(text))


def emit(result: Result, as_json: bool = False) -> None:
    """Print a result and leave with its exit code when a finding failed. Raise HostError when it cannot be written."""
    with _output():
        if as_json:
            sys.stdout.write(json.dumps(result.as_dict(), indent=2, sort_keys=True) + "\n")
        else:
            _print_for_people(result)
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
    return plain_text(line.decode(errors="backslashreplace")).plain.encode()


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


def _print_for_people(result: Result) -> None:
    out = console()
    for table in result.tables:
        _print_table(out, table)
    for line in (*map(plain_text, result.lines), *map(_change_line, result.changes), *finding_lines(result.findings)):
        out.print(line, soft_wrap=True)


def _print_table(out: Console, table: Table) -> None:
    """Print a table; where lines have no width, without the blanks that would fill each up to the longest."""
    if out.is_terminal:
        out.print(rich_table(table))
        return
    with out.capture() as captured:
        out.print(rich_table(table))
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def rich_table(table: Table) -> RichTable:
    """Return a table ready to print; every cell is plain text, never markup."""
    drawn = RichTable(title=plain_text(table.title) if table.title else None, title_justify="left", box=None, pad_edge=False)
    for column in table.columns:
        drawn.add_column(plain_text(column), header_style="bold", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(plain_text(cell) for cell in row))
    return drawn


def finding_lines(findings: Iterable[Finding]) -> Iterable[Text]:
    """Yield one line for each finding: verdict, id, what was found; and the hint where it did not pass."""
    for finding in findings:
        line = Text(f"{finding.verdict.value:>14} ", style=_STYLE[finding.verdict])
        line.append(plain_text(f"{finding.id}: {finding.actual}", "default"))
        if finding.verdict in (Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN):
            line.append(plain_text(f" (expected {finding.expected})" if finding.expected else "", "default"))
            line.append(plain_text(f"\n{'':>14} {finding.hint}" if finding.hint else "", "dim"))
        yield line


def _change_line(change: Change) -> Text:
    values = f" [{change.before or 'absent'} -> {change.after}]" if change.after else ""
    return plain_text(f"{'change':>14} {change.what}{values}: {change.why}", "yellow")


def emit_error(error: NodeopsError, as_json: bool) -> None:
    """Print an error on stderr for people, or as one JSON object on stdout for machines."""
    if as_json:
        body = {"kind": error.kind, "what": error.what, "where": error.where, "allowed": error.allowed, "hint": error.hint}
        sys.stdout.write(json.dumps({"error": body, "exit_code": error.exit_code}, indent=2) + "\n")
    console(stderr=True).print(plain_text(f"{error.kind}: {error}", "red"), soft_wrap=True)

"""How a result looks to a person: tables, findings and errors by rich, with nothing in them that could steer a terminal.

Apart from `nodeops.console`, because rich takes a verb 30 ms of CPU to load, and who asks for JSON needs none of it.
"""

import sys
from collections.abc import Iterable
from typing import NoReturn

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.printable import harmless
from nodeops.core.result import Change, Result, Table

_STYLE = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.FAIL: "bold red",
    Verdict.WAIVED: "cyan",
    Verdict.NOT_APPLICABLE: "dim",
    Verdict.NOT_TESTABLE_HERE: "dim",
    Verdict.UNKNOWN: "magenta",
}
# A pipe or a file has no width: a row stays one line there, so that grep and a log keep it whole.
_UNLIMITED_COLUMNS = 10_000


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


def show(result: Result) -> None:
    """Print a result for people."""
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


def show_error(error: NodeopsError) -> None:
    """Print an error on stderr."""
    tell(f"{error.kind}: {error}", "red")


def tell(text: str, style: str = "") -> None:
    """Print a line on stderr, beside the answer."""
    console(stderr=True).print(plain_text(text, style), soft_wrap=True)

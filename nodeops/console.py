"""The one place where a Result becomes text for a person or JSON for a machine."""

import json
import sys
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result, Table

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of tables.")]
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


def emit(result: Result, as_json: bool = False) -> None:
    """Print a result and leave with its exit code when a finding failed."""
    if as_json:
        sys.stdout.write(json.dumps(result.as_dict(), indent=2, sort_keys=True) + "\n")
    else:
        _print_for_people(result)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _print_for_people(result: Result) -> None:
    console = Console(highlight=False)
    for table in result.tables:
        console.print(rich_table(table))
    for line in result.lines:
        console.print(Text(line))
    for change in result.changes:
        console.print(_change_line(change))
    for judged in finding_lines(result.findings):
        console.print(judged)


def rich_table(table: Table) -> RichTable:
    """Return a table ready to print; every cell is plain text, never markup."""
    drawn = RichTable(title=Text(table.title) if table.title else None, title_justify="left", box=None, pad_edge=False)
    for column in table.columns:
        drawn.add_column(column, header_style="bold", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def finding_lines(findings: Iterable[Finding]) -> Iterable[Text]:
    """Yield one line for each finding: verdict, id, what was found; and the hint where it did not pass."""
    for finding in findings:
        line = Text(f"{finding.verdict.value:>14} ", style=_STYLE[finding.verdict])
        line.append(f"{finding.id}: {finding.actual}", style="default")
        if finding.verdict in (Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN):
            line.append(f" (expected {finding.expected})" if finding.expected else "", style="default")
            line.append(f"\n{'':>14} {finding.hint}" if finding.hint else "", style="dim")
        yield line


def _change_line(change: Change) -> Text:
    values = f" [{change.before or 'absent'} -> {change.after}]" if change.after else ""
    return Text(f"{'change':>14} {change.what}{values}: {change.why}", style="yellow")


def emit_error(error: NodeopsError, as_json: bool) -> None:
    """Print an error on stderr for people, or as one JSON object on stdout for machines."""
    if as_json:
        body = {"kind": error.kind, "what": error.what, "where": error.where, "allowed": error.allowed, "hint": error.hint}
        sys.stdout.write(json.dumps({"error": body, "exit_code": error.exit_code}, indent=2) + "\n")
    Console(stderr=True, highlight=False).print(Text(f"{error.kind}: {error}", style="red"), soft_wrap=True)

"""What took how long: a table at the end of a run, by file, or by test where every test is a long one."""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

# Rows of the sessions before this one, when several are one run: `make test` has two.
_FILE = os.environ.get("NODEOPS_TIMES", "")
_ROWS = 20


def note_budgets(items: list[pytest.Item]) -> None:
    """Let the reports of tests with the mark `budget` say so."""
    for item in items:
        for mark in item.iter_markers("budget"):
            item.user_properties.append(("budget", mark.args[0]))


class Times:
    """The figures of a session, in seconds on the clock, setup and teardown included.

    A test with the mark `budget` has a row of its own.
    """

    def __init__(self, every_test: bool) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.budgets: dict[str, int] = {}
        self.outcomes: dict[str, str] = {}
        self._every_test = every_test

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a step of a test; a step that is not passed is its outcome."""
        budget = dict(report.user_properties).get("budget")
        if budget is not None:
            self.budgets[report.nodeid] = int(str(budget))
        row = report.nodeid if self._every_test or budget is not None else report.nodeid.partition("::")[0]
        self.seconds[row] += report.duration
        if self._every_test and (report.when == "call" or not report.passed):
            self.outcomes[row] = report.outcome

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the table, above pytest's own last line."""
        rows = [*self._before(), *self._rows()]
        if _FILE:
            Path(_FILE).parent.mkdir(parents=True, exist_ok=True)
            Path(_FILE).write_text(json.dumps(rows), encoding="utf-8")
        if rows:
            terminalreporter.section("what took how long")
            for line in table(rows, None if self._every_test else _ROWS):
                terminalreporter.write_line(line)

    def _before(self) -> list[dict[str, Any]]:
        try:
            return list(json.loads(Path(_FILE).read_text(encoding="utf-8"))) if _FILE else []
        except FileNotFoundError:
            return []

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"what": what, "seconds": round(seconds, 1), "budget": self.budgets.get(what), "outcome": self.outcomes.get(what, "")}
            for what, seconds in self.seconds.items()
        ]


def table(rows: list[dict[str, Any]], most: int | None) -> list[str]:
    """Return the lines of the table: those with a budget, then the longest of the others, then what all took together."""
    ordered = sorted(rows, key=lambda row: -row["seconds"])
    stated = [row for row in ordered if row["budget"] is not None]
    others = [row for row in ordered if row["budget"] is None]
    shown, rest = others[:most], others[len(others[:most]) :]
    lines = [f"{row['seconds']:8.1f} s  {row['outcome']:<8}{row['what']}{judged(row)}" for row in [*stated, *shown]]
    if rest:
        lines.append(f"{sum(row['seconds'] for row in rest):8.1f} s  {'':<8}{len(rest)} other files")
    return [*lines, f"{sum(row['seconds'] for row in rows):8.1f} s  {'':<8}in all, of every process together"]


def judged(row: dict[str, Any]) -> str:
    """Return what there is to say of a budget. It is said and never a failure: another machine, another time."""
    if row["budget"] is None:
        return ""
    share = row["seconds"] / row["budget"]
    over = "  MORE THAN TWICE" if share > 2 else "  over" if share > 1 else ""
    return f"  of {row['budget']} s{over}"

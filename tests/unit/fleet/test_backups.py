"""From what hosts say of their backups to one table: fine, late, without any, lying."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nodeops.core.finding import Verdict
from nodeops.core.result import Result
from nodeops.fleet.backups import COLUMNS, backups_report
from nodeops.fleet.reply import Reply, State

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def said(verdict: str = "pass", **changes: Any) -> str:
    finding = {"id": "backup.age", "verdict": verdict, "expected": "a young one", "actual": "x", "hint": ""}
    answer = {"count": 3, "newest": "2026-11-01T09:30:00+00:00", "bytes": 2048, "seconds": 1.25, "findings": [finding], **changes}
    return json.dumps(answer)


def report(**texts: str) -> Result:
    return backups_report([Reply(node, State.ANSWERED, 0, text) for node, text in texts.items()], NOW)


def row(result: Result, node: str) -> dict[str, str]:
    cells = next(cells for cells in result.tables[0].rows if cells[0] == node)
    return dict(zip(COLUMNS, cells, strict=True))


def test_a_fine_one_has_its_age_and_no_findings() -> None:
    result = report(a=said())
    assert (row(result, "a")["age"], row(result, "a")["backups"], result.findings) == ("2.5 h", "3", [])


def test_the_last_drill_is_shown_in_its_own_words() -> None:
    drill = {"time": "2026-10-30T12:00:00+00:00", "passed": True, "note": "passed; back in 3 s, 900 s old"}
    result = report(a=said(drill=drill), b=said())
    assert [row(result, node)["last drill"] for node in "ab"] == ["2 d ago: passed; back in 3 s, 900 s old", "never"]


@pytest.mark.parametrize(("verdict", "code"), [("fail", 1), ("warn", 0), ("unknown", 0)])
def test_what_a_host_finds_wrong_is_named_after_it(verdict: str, code: int) -> None:
    result = report(a=said(verdict), b=said())
    assert ([(one.id, one.verdict) for one in result.findings], result.exit_code) == ([("a.backup.age", verdict)], code)


def test_a_repository_that_does_not_answer_is_told_in_the_hosts_own_words() -> None:
    error = {"where": "repository 192.0.2.9:1", "what": "does not answer: refused"}
    result = report(a=json.dumps({"error": error}), b=said(newest=None, count=0))
    assert (row(result, "a")[COLUMNS[1]], row(result, "b")[COLUMNS[1]]) == ("none", "none")
    assert [(one.verdict, one.actual) for one in result.findings] == [
        (Verdict.FAIL, "repository 192.0.2.9:1: does not answer: refused")
    ]


# What no calendar holds in UTC, what no float holds, and what JSON spells as no number.
BEYOND = [
    said(newest="0001-01-01T00:00:00+23:59"),
    said(newest="9999-12-31T23:59:59-23:59"),
    said(drill={"time": "9999-12-31T23:59:59-23:59", "passed": True, "note": ""}),
    said(bytes=10**400),
    said().replace("1.25", "1e999"),
]


@pytest.mark.parametrize(
    "text", ["", "x", "[]", said(count=-1), said(newest="2026-11-01T09:30:00"), said(bytes="many"), said("new"), *BEYOND]
)
def test_what_makes_no_sense_is_no_answer_and_takes_no_other_away(text: str) -> None:
    result = report(a=text, b=said())
    assert (result.exit_code, row(result, "b")["age"], "error" in result.data["nodes"]["a"]) == (1, "2.5 h", True)
    json.dumps(result.data, allow_nan=False)

"""From what monitors and repositories say of themselves to one table: well, ill, silent, lying."""

import json
from typing import Any

from nodeops.core.finding import Verdict
from nodeops.core.result import Result
from nodeops.fleet.plain_hosts import COLUMNS, hosts_of, hosts_report
from nodeops.fleet.reply import Reply, State
from tests.unit.firewall.samples import consortium

HOSTS = hosts_of(consortium(), ["a"])
GUARDS = {"firewall": "on", "hardening": "100 %", "patches": "up to date"}


def said(name: str, **changes: Any) -> str:
    kind = "monitor" if name == "mon" else "repository"
    return json.dumps({"kind": kind, "name": name, "revision": 1, "guards": GUARDS, "findings": [], **changes})


def report(**texts: str) -> Result:
    return hosts_report(HOSTS, [Reply(node, State.ANSWERED, 0, text) for node, text in texts.items()])


def row(result: Result, name: str) -> dict[str, str]:
    cells = next(cells for cells in result.tables[0].rows if cells[0] == name)
    return dict(zip(COLUMNS, cells, strict=True))


def test_hosts_of_the_organisations_that_are_managed_are_asked() -> None:
    assert list(HOSTS) == ["keep", "mon"]
    assert hosts_of(consortium(), ["b"]) == {}


def test_one_that_is_well_has_a_row_and_no_findings() -> None:
    result = report(mon=said("mon", guards={**GUARDS, "logs": "all of 2 nodes"}), keep=said("keep"))
    assert row(result, "mon") == {
        "host": "mon",
        "runs": "monitor",
        "organisation": "a",
        "site": "-",
        "state": "answers",
        **GUARDS,
        "logs": "all of 2 nodes",
    }
    assert (row(result, "keep")["runs"], row(result, "keep")["logs"], result.findings) == ("repository", "-", [])


def test_what_is_wrong_with_one_is_named_after_it() -> None:
    wrong = {"id": "firewall.live", "verdict": "fail", "expected": "on", "actual": "off\n\x1b[2J", "hint": "x"}
    (found,) = report(mon=said("mon", findings=[wrong, {**wrong, "verdict": "pass"}])).findings
    assert (found.id, found.verdict, "\x1b" in found.actual) == ("mon.firewall.live", Verdict.FAIL, False)


def test_silence_nonsense_and_another_name_fail() -> None:
    silent = Reply("mon", State.DEAD, error="no answer within 5 s")
    result = hosts_report(HOSTS, [silent, Reply("keep", State.ANSWERED, 0, said("mon"))])
    assert [(one.id, one.verdict) for one in result.findings] == [(f"{name}.status", Verdict.FAIL) for name in ("mon", "keep")]
    assert "says that it is mon" in result.findings[1].actual
    assert row(result, "mon")["state"] == "no answer"
    for text in ("", "{}", "[1]", '{"kind": "monitor", "name": "mon", "guards": "all"}'):
        assert [one.verdict for one in report(mon=text).findings] == [Verdict.FAIL]


def test_an_organisation_without_any_is_told_so() -> None:
    result = hosts_report({}, [])
    assert (result.tables, result.lines) == ([], ["your organisation has no monitor and no repository"])

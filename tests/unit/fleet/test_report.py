"""From replies to the table, its footer and its JSON."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.fleet.answer import Answer, answer_of
from nodeops.fleet.reply import Reply, State
from nodeops.fleet.report import fleet_report, for_people
from nodeops.fleet.table import COLUMNS, Seen, fitted
from nodeops.ledger.network.judge import ChainState
from tests.unit.fleet.samples import NODES, address, consortium, dead, reply, status

WIDE = 500


def report(replies: dict[str, Reply | None], published: tuple[str, ...] = ()) -> Result:
    answers = {node: answer_of(node, one) for node, one in replies.items()}
    return fleet_report(Seen(consortium(), answers, {name: address(name) for name in published}))


def row(result: Result, node: str) -> dict[str, str]:
    cells = next(row for row in result.tables[0].rows if row[0].strip() == node)
    return dict(zip(COLUMNS, cells, strict=True))


def test_a_healthy_network_is_grouped_by_organisation() -> None:
    result = report({name: reply(name) for name in NODES})
    assert [cells[0] for cells in result.tables[0].rows] == [
        "china-unicom",
        "  cu-1",
        "  cu-2",
        "wanxiang-blockchain",
        "  wx-1",
        "wanxiang-institute",
        "  wi-1",
    ]
    assert row(result, "cu-1") == {
        "node": "  cu-1",
        "site": "shanghai",
        "state": "running",
        "height": "100",
        "behind": "0",
        "peers": "3",
        "signing": "20/20",
        "disk": "42%",
        "firewall": "on",
        "hardening": "98.5 %",
        "backup": "drilled",
        "version": "v0.38.21",
        "document": status("cu-1")["document_digest"][:8],
    }
    assert result.exit_code == 0
    assert any("running, margin 1" in line for line in result.lines)


@pytest.mark.parametrize(
    ("answered", "state", "in_footer"),
    [
        (dead("cu-2"), "dead", "cu-2: dead: no answer within 5 s\n  do: check that the host runs"),
        (Reply("cu-2", State.HOST_KEY, error="it shows X", hint="compare"), "host key does not match", "it shows X"),
        (Reply("cu-2", State.LOGIN, error="refused"), "login refused", "login refused: refused"),
        (Reply("cu-2", State.LATE, error="10 s"), "no answer in time", "10 s"),
        (Reply("cu-2", State.ANSWERED, 0, "not json"), "no valid status", "exit code 0: it printed 'not json' instead"),
        (Reply("cu-2", State.ANSWERED, 3, "{}", "host: no document\n"), "no valid status", "exit code 3: host: no document"),
        (Reply("cu-2", State.ANSWERED, 0, "[" * 200_000), "no valid status", "it printed '[[[["),
        (Reply("cu-2", State.ANSWERED, 0, "Hi!\n{}"), "no valid status", "exit code 0: is not a node status"),
        (
            Reply("cu-2", State.ANSWERED, 0, "\x1b[2JHi!"),
            "no valid status",
            "do: silence what the login shell prints to programs",
        ),
        (Reply("cu-2", State.ANSWERED, 0, "Hi!\n" + json.dumps(status("cu-1"))), "no valid status", "the host says that it is"),
        (Reply("cu-2", State.ANSWERED, 0, json.dumps(status("cu-1"))), "no valid status", "the host says that it is cu-1"),
    ],
)
def test_a_node_without_a_status_says_why(answered: Reply, state: str, in_footer: str) -> None:
    result = report({name: reply(name) for name in NODES} | {"cu-2": answered})
    assert row(result, "cu-2")["state"] == state
    assert row(result, "cu-1")["state"] == "running"
    assert any(in_footer in line for line in result.lines)
    assert result.exit_code == 1


def test_a_host_whose_own_findings_fail_has_still_answered() -> None:
    halted = {name: replace(reply(name, block_age_seconds=900.0), exit_code=1) for name in NODES}
    result = report(halted)
    assert {row(result, name)["state"] for name in NODES} == {"halted"}
    assert any("HALTED" in line for line in result.lines)
    assert result.data["network"]["chain"] == ChainState.HALTED
    assert result.exit_code == 1


def test_a_dead_ledger_is_told_apart_from_a_dead_host() -> None:
    down = reply("cu-2", running=False, error="connection refused", voting_power=None, height=None, peers=[])
    others = {name: reply(name) for name in NODES if name != "cu-2"}
    result = report({**others, "cu-2": down}, published=tuple(NODES))
    assert row(result, "cu-2") | {"document": ""} == {
        "node": "  cu-2",
        "site": "shanghai",
        "state": "ledger down",
        "height": "-",
        "behind": "0",
        "peers": "-",
        "signing": "20/20",
        "disk": "42%",
        "firewall": "on",
        "hardening": "98.5 %",
        "backup": "drilled",
        "version": "v0.38.21",
        "document": "",
    }


def test_nodes_of_others_are_not_asked_but_their_votes_are_seen() -> None:
    mine = {name: reply(name) for name in ("cu-1", "cu-2")}
    result = report(mine, published=tuple(NODES))
    assert (row(result, "wx-1")["state"], row(result, "wx-1")["signing"]) == ("not managed here", "20/20")
    assert result.data["nodes"]["wx-1"]["managed"] is False
    assert result.exit_code == 0
    assert row(report(mine), "wx-1")["signing"] == "-", "without a published identity nobody knows whose votes are whose"


def test_a_host_that_is_still_being_asked_is_not_called_dead() -> None:
    result = report({name: reply(name) for name in NODES} | {"cu-2": None})
    assert row(result, "cu-2")["state"] == "asking"
    assert not [finding for finding in result.findings if finding.id == "network.nodes" and finding.verdict is Verdict.FAIL]


def test_the_json_holds_every_node_with_its_status() -> None:
    result = report({"cu-1": reply("cu-1"), "cu-2": dead("cu-2")})
    data = json.loads(json.dumps(result.as_dict()))
    assert data["nodes"]["cu-1"]["status"]["height"] == 100
    assert data["nodes"]["cu-2"]["status"] is None
    assert data["nodes"]["cu-2"]["error"] == "no answer within 5 s"
    assert data["network"]["total_power"] == 4


def test_on_a_screen_findings_that_pass_are_one_line() -> None:
    findings = [Finding("a", Verdict.PASS, "", ""), Finding("b", Verdict.FAIL, "", "")]
    shown = for_people(Result({}, findings=findings), WIDE)
    assert [finding.id for finding in shown.findings] == ["b"]
    assert shown.lines == ["1 of 2 findings pass"]
    assert shown.exit_code == 1


@pytest.mark.parametrize(
    ("characters", "columns"),
    [
        (WIDE, ["node", "site", "state", "document"]),
        (28, ["node", "state", "document"]),
        (18, ["node", "state"]),
        (1, ["node", "state"]),
    ],
)
def test_a_narrow_screen_loses_the_least_important_columns(characters: int, columns: list[str]) -> None:
    table = Table(("node", "site", "state", "document"), [("cu-1", "shanghai", "running", "0123abcd")])
    assert list(fitted(table, characters).columns) == columns


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(sorted(status("cu-2"))), HOSTILE, max_size=4))
def test_no_field_of_a_status_breaks_the_table(changes: dict[str, object]) -> None:
    hostile = replace(reply("cu-2"), stdout=json.dumps({**status("cu-2"), **changes}))
    result = report({"cu-1": reply("cu-1"), "cu-2": hostile})
    json.dumps(result.as_dict())
    for cells in result.tables[0].rows:
        assert all(cell.isprintable() and len(cell) <= 31 for cell in cells)


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_output_breaks_an_answer(stdout: str, stderr: str) -> None:
    answer = answer_of("cu-1", Reply("cu-1", State.ANSWERED, 0, stdout, stderr))
    assert answer.status is None
    assert answer.error.replace(" ", "").isprintable()


def test_an_answer_is_waited_for_only_before_the_first_reply() -> None:
    assert Answer("cu-1").waiting
    assert not answer_of("cu-1", dead("cu-1")).waiting
    assert not answer_of("cu-1", reply("cu-1")).waiting

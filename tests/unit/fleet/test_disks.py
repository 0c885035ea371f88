"""From what hosts say of their disks to one table: healthy, full, silent, lying."""

import json
from typing import Any

import pytest

from nodeops.core.finding import Verdict
from nodeops.core.result import Result
from nodeops.disk.view import findings
from nodeops.fleet.disks import COLUMNS, disks_report
from nodeops.fleet.reply import Reply, State
from tests.unit.fleet.ssh_server import World, says
from tests.unit.fleet.test_cli import PATIENCE, call, inventory

__all__ = ["inventory"]

MIB = 1 << 20


def place(mount: str = "/", percent: float = 40.0, stage: str = "normal", **changes: Any) -> dict[str, Any]:
    forecast = {"text": "not filling", "seconds": None}
    return {
        "mount": mount, "used_percent": percent, "inodes_used_percent": 1.0, "free": 100 * MIB, "stage": stage,
        "uses": ["log"], "forecast": forecast, **changes,
    }  # fmt: skip


def said(*places: dict[str, Any], **changes: Any) -> str:
    """What `nodeops disk status --json` prints, with the findings that it makes of it."""
    log = {"live_bytes": 3 * MIB, "sealed_bytes": 5 * MIB, "gaps": 0, "method": "collapse", "reason": ""}
    status = {"filesystems": list(places or [place()]), "log": log, "alarms": [], "node_stopped": False, **changes}
    return json.dumps({**status, "findings": [one.as_dict() for one in findings(status)]})


def report(**replies: str) -> Result:
    return disks_report([Reply(node, State.ANSWERED, 0, text) for node, text in replies.items()])


def row(result: Result, node: str) -> dict[str, str]:
    cells = next(cells for cells in result.tables[0].rows if cells[0] == node)
    return dict(zip(COLUMNS, cells, strict=True))


def test_the_fullest_filesystem_in_the_worst_stage_is_shown() -> None:
    result = report(a=said(place("/", 80.0, "watch"), place("/var/log/ledger", 75.0, "high"), place("/data", 90.0)))
    assert row(result, "a")["fullest"] == "/var/log/ledger"
    assert row(result, "a")["stage"] == "high"
    assert {one.id: one.verdict for one in result.findings} == {"a.disk./": Verdict.WARN, "a.disk./var/log/ledger": Verdict.WARN}
    assert result.exit_code == 0


def test_a_healthy_host_has_no_findings() -> None:
    assert not report(a=said(), b=said()).findings


@pytest.mark.parametrize(
    "text", [said(place(stage="flood", percent=96.0)), said(node_stopped=True)], ids=["flood", "stopped by the guard"]
)
def test_what_cannot_wait_fails(text: str) -> None:
    assert report(a=said(), b=text).exit_code == 1


# What no float holds.
BEYOND = [said().replace(str(number * MIB), "9" * 400) for number in (100, 3)]
NONSENSE = ["", "{", "[]", '{"filesystems": []}', said().replace("normal", "[bold]")]
LIES = [said(place(percent=1e9)), said(place(free=-1))]


@pytest.mark.parametrize("text", [*NONSENSE, *LIES, *BEYOND])
def test_what_makes_no_sense_is_no_answer_and_takes_no_other_away(text: str) -> None:
    result = report(a=text, b=said())
    assert (result.exit_code, row(result, "b")["stage"]) == (1, "normal")
    assert "error" in result.data["nodes"]["a"]


def test_a_host_cannot_steer_the_terminal() -> None:
    cells = row(report(a=said(place("/\x1b[2J\nx", forecast={"text": "\x07never" + "y" * 500}))), "a")
    assert cells["fullest"] == "/ x"
    assert len(cells["forecast"]) <= 40


def test_real_hosts_are_asked_and_a_dead_one_is_named(world: World, inventory: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = world.server("cu-1", says(said().encode()))
    world.server("cu-2", says(b"", code=3))
    world.server("wx-1", says(said(place(stage="flood", percent=97.0)).encode(), code=1))
    code, out, _ = call(capsys, "disk", "-i", inventory, *PATIENCE, "--json")
    answer = json.loads(out)
    assert code == 1
    assert asked.commands == ["sudo -n /usr/local/bin/nodeops disk status --json"]
    assert {one["id"] for one in answer["findings"] if one["verdict"] == "fail"} == {"cu-2.disk", "wx-1.disk./"}

"""From what exporters and Alertmanager say to one screen: well, ill, silent, lying, over time."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from nodeops.core.result import Result
from nodeops.document.resolve import host_ports
from nodeops.fleet import top_cli
from nodeops.fleet.reply import Reply, State
from nodeops.fleet.top import COLUMNS, WINDOW_SECONDS, Counted, Metrics, alerts_of, counters_of, metrics_of, top_report
from nodeops.metrics.catalogue import catalogue
from tests.unit.fleet.ssh_server import World, says
from tests.unit.fleet.stopped_clock import StoppedClock
from tests.unit.fleet.test_cli import PATIENCE, call, inventory

__all__ = ["inventory"]

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
Value = tuple[str, dict[str, str], float]
WELL: list[Value] = [
    ("ledger_up", {}, 1),
    ("ledger_height_blocks", {}, 4711),
    ("ledger_lag_blocks", {}, 0),
    ("quorum_margin_power", {}, 2),
    ("consensus_signed_total", {}, 100),
    ("consensus_missed_total", {}, 1),
    ("mesh_rtt_seconds", {"peer": "cu-2", "quantile": "0.5"}, 0.9),
    ("mesh_rtt_seconds", {"peer": "cu-2", "quantile": "0.99"}, 0.002),
    ("mesh_rtt_seconds", {"peer": "wx-1", "quantile": "0.99"}, 0.0235),
    ("mesh_peer_up", {"peer": "cu-2"}, 1),
    ("mesh_probes_sent_total", {"peer": "cu-2"}, 500),
    ("mesh_probes_sent_total", {"peer": "wx-1"}, 500),
    ("mesh_probes_lost_total", {"peer": "cu-2"}, 40),
    ("mesh_probes_lost_total", {"peer": "wx-1"}, 0),
    ("disk_used_ratio", {"mountpoint": "/"}, 0.42),
    ("disk_stage", {"mountpoint": "/"}, 0),
]


def exported(*changes: Value) -> str:
    """What `nodeops metrics show --json` prints of a host that is well, but for some values."""
    changed = {(name, *labels.items()) for name, labels, _ in changes}
    kept = [one for one in WELL if (one[0], *one[1].items()) not in changed]
    values = [{"name": f"nodeops_{name}", "labels": labels, "value": value} for name, labels, value in (*kept, *changes)]
    return json.dumps({"values": values, "findings": []})


def alert(name: str, severity: str = "warning", node: str = "cu-1", **labels: str) -> dict[str, Any]:
    """As `amtool alert query --output=json` prints one."""
    return {
        "labels": {"alertname": name, "severity": severity, "node": node, "organisation": "china-unicom", **labels},
        "annotations": {"summary": f"{node}: something", "runbook_url": "docs/runbooks"},
        "startsAt": "2026-11-28T11:58:30.000Z", "endsAt": "2026-11-28T12:03:00.000Z", "fingerprint": "c0ffee",
        "receivers": [{"name": "page"}], "status": {"state": "active", "inhibitedBy": [], "silencedBy": []},
    }  # fmt: skip


def report(host: str, alerts: str = "[]", counted: Counted | None = None) -> Result:
    said = metrics_of(Reply("cu-1", State.ANSWERED, 0, host))
    fires = alerts_of(Reply("cu-mon", State.ANSWERED, 0, alerts))
    return top_report(["cu-1"], {"cu-1": said}, {"cu-mon": fires}, counted or Counted(), NOW)


def row(result: Result) -> dict[str, str]:
    return dict(zip(COLUMNS, result.tables[0].rows[0], strict=True))


def test_a_host_that_is_well() -> None:
    result = report(exported())
    assert row(result) == {
        "node": "cu-1", "height": "4711", "behind": "0", "missed": "-", "margin": "2", "rtt p99": "23.50 ms", "lost": "-",
        "disk": "42%", "full in": "-", "alerts": "",
    }  # fmt: skip
    assert result.lines[-1] == "no alert fires"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("changed", "column", "shown"),
    [
        (("ledger_up", {}, 0), "height", "ledger down"),
        (("mesh_peer_up", {"peer": "cu-2"}, 0), "rtt p99", "23.50 ms, 1 silent"),
        (("disk_stage", {"mountpoint": "/"}, 4), "disk", "42% flood"),
        (("disk_time_to_full_seconds", {"mountpoint": "/"}, 7200), "full in", "2 h"),
        (("quorum_margin_power", {}, 0), "margin", "0"),
    ],
)
def test_what_is_ill_is_seen(changed: Value, column: str, shown: str) -> None:
    assert row(report(exported(changed)))[column] == shown


def test_every_metric_that_is_shown_is_exported() -> None:
    """A name that no catalogue has would be a dash for ever."""
    assert {name for name, _, _ in WELL} | {"disk_time_to_full_seconds"} <= set(catalogue())


def test_counters_are_shown_by_what_they_grew_by_in_two_minutes() -> None:
    counted = Counted()
    for at, missed, lost in ((0.0, 1, 40), (60.0, 3, 40), (110.0, 3, 45), (170.0, 4, 45)):
        later = (
            ("consensus_missed_total", {}, missed),
            ("consensus_signed_total", {}, 100 + at),
            ("mesh_probes_lost_total", {"peer": "cu-2"}, lost),
            ("mesh_probes_sent_total", {"peer": "cu-2"}, 500 + at),
        )
        said = metrics_of(Reply("cu-1", State.ANSWERED, 0, exported(*later)))
        assert isinstance(said, Metrics)
        counted.note("cu-1", at, counters_of(said))
    # The first sample is older than the window: what it saw missed is forgotten.
    assert WINDOW_SECONDS < 170
    shown = row(report(exported(), counted=counted))
    assert (shown["missed"], shown["lost"]) == ("1/111", "5/110")


def test_a_counter_that_began_anew_is_no_negative_loss() -> None:
    counted = Counted()
    counted.note("cu-1", 0.0, {"mesh_probes_lost_total": 90.0, "mesh_probes_sent_total": 900.0})
    counted.note("cu-1", 5.0, {"mesh_probes_lost_total": 0.0, "mesh_probes_sent_total": 5.0})
    assert row(report(exported(), counted=counted))["lost"] == "-"
    counted.note("cu-1", 10.0, {"mesh_probes_lost_total": 1.0, "mesh_probes_sent_total": 10.0})
    assert row(report(exported(), counted=counted))["lost"] == "1/5"


def test_alerts_stand_worst_first_and_once() -> None:
    fires = [
        alert("PatchesOverdue"), alert("LedgerDown", "critical"), alert("DeadMansSwitch", "info", ""),
        alert("LedgerDown", "critical", monitor="other"), alert("DiskFills", "warning", "wx-1"),
    ]  # fmt: skip
    result = report(exported(), json.dumps(fires))
    assert [cells[0] for cells in result.tables[1].rows] == ["LedgerDown", "DiskFills", "PatchesOverdue"]
    assert result.tables[1].rows[0][1:4] == ("critical", "cu-1", "1 min 30 s")
    assert row(result)["alerts"] == "2"
    assert result.lines[-1] == "3 alerts fire"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"values": [{"name": 1}]}',
        "\x1b[2J",
        exported(("disk_stage", {"mountpoint": "/"}, 0)).replace("0.42", '"nan"'),
    ],
)
def test_a_host_may_say_anything(text: str) -> None:
    result = report(text)
    assert "no valid answer" in row(result)["height"]
    assert [one.id for one in result.findings] == ["cu-1.exporter"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", '[{"labels": 1}]', '[{"labels": {}, "startsAt": "soon"}]', '[{"labels": {}, "startsAt": "2026-01-01T00:00:00"}]'],
)
def test_a_monitor_that_says_nothing_is_no_peace(text: str) -> None:
    result = report(exported(), text)
    assert result.lines[-1] == "alerts: not known, no monitor of yours answers"
    assert [one.id for one in result.findings] == ["cu-mon.monitor"]


def test_nodes_and_monitors_are_asked_each_their_own(
    clock: StoppedClock, world: World, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = yaml.safe_load((inventory / "consortium.yml").read_text())
    tree["monitors"] = {"cu-mon": {"organisation": "china-unicom", "address": "192.0.2.9"}}
    tree["monitors"]["wi-mon"] = {"organisation": "wanxiang-institute", "address": "192.0.2.10"}
    (inventory / "consortium.yml").write_text(json.dumps(tree))
    nodes = [world.server(node, says(exported().encode())) for node in ("cu-1", "cu-2", "wx-1")]
    monitor = world.server("cu-mon", says(json.dumps([alert("LedgerDown", "critical")]).encode()))
    code, out, _ = call(capsys, "top", "-i", inventory, "--rounds", 2, *PATIENCE, "--json")
    assert code == 0
    last = json.loads(out.splitlines()[-1])
    assert [one["height"] for one in last["nodes"]] == ["4711"] * 3
    assert [one["labels"]["alertname"] for one in last["alerts"]] == ["LedgerDown"]
    assert {command for server in nodes for command in server.commands} == {"sudo -n /usr/local/bin/nodeops metrics show --json"}
    assert all(command.startswith("sudo -n amtool alert query --output=json") for command in monitor.commands)


def test_a_monitor_is_asked_at_the_port_that_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--alertmanager.url=https://127.0.0.1:9093" in top_cli._ask_alerts().split()
    moved = {"alertmanager": host_ports("monitor")["alertmanager"].model_copy(update={"port": 1})}
    monkeypatch.setattr(top_cli, "host_ports", lambda kind: {"monitor": moved}[kind])
    assert "--alertmanager.url=https://127.0.0.1:1" in top_cli._ask_alerts().split()

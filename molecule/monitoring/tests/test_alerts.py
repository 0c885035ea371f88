"""Hosts that fall ill, and the alerts of the real Alertmanager: exactly those that are meant, and none when all is well again."""

import json
import shlex
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import engine
import hosts
import pytest
import yaml
from monitor import ALWAYS, BOOK, MONITOR, WAIT, asked, document, told_of_all, until_told

LOG = "/var/log/ledger"
# An alert, and planned work, of a test alone.
TRIAL = "Trial"


def book() -> dict[str, list[Any]]:
    """Return everything that each was told until now."""
    told: dict[str, list[Any]] = {}
    for line in hosts.must(MONITOR, f"cat {BOOK}").splitlines():
        one = json.loads(line)
        told.setdefault(one["who"], []).extend(one["what"])
    return told


def until_received(wanted: dict[str, set[tuple[str, str]]]) -> dict[str, list[Any]]:
    """Wait until each got messages of all these alerts."""
    end = time.monotonic() + WAIT
    seen = book()
    while any(alerts - {tuple(one) for one in seen.get(who, [])} for who, alerts in wanted.items()):
        assert time.monotonic() < end, seen
        time.sleep(3)
        seen = book()
    return seen


def test_when_all_is_well_only_the_dead_mans_switch_fires() -> None:
    until_told(ALWAYS)


def test_three_ills_at_once_are_told_apart_and_their_end_is_seen() -> None:
    filler = f"{LOG}/filler"
    container = engine.container("beta-1")
    engine.docker("kill", container)
    # Rules that somebody changed are left for a person to decide; a table that vanished would be loaded again in seconds.
    hosts.must("alpha-2", "nft chain inet nodeops input '{ policy accept; }'")
    # To 92 %: the stage `high` begins at 90, and at 98 the guard would stop the node.
    fill = f"fallocate -l $(($(df -B1 --output=size {LOG} | tail -1) / 100 * 90)) {filler}"
    assert 90 <= int(hosts.must("alpha-1", f"{fill}; df --output=pcent {LOG} | tail -1").strip().rstrip("%")) <= 94
    try:
        ills = {("ExporterDown", "beta-1"), ("QuorumMarginZero", ""), ("FirewallOff", "alpha-2"), ("DiskFilling", "alpha-1")}
        until_told(ALWAYS | ills)
        of_alpha = {one for one in ills if one[1] != "beta-1"}
        of_beta = {("ExporterDown", ""), ("QuorumMarginZero", "")}
        heard = until_received({"people": ills, "critical": ills, "alpha": of_alpha, "mail": of_beta, "dead-man": ALWAYS})
    finally:
        # A guard leaves a stage after five minutes of calm; a new one begins with what it sees.
        hosts.must("alpha-1", f"rm -f {filler}; systemctl restart nodeops-disk")
        hosts.must("alpha-2", "systemctl restart nodeops-firewall")
        hosts.controller("lab", "start", "beta-1", "--json")
    assert ["ExporterDown", "beta-1"] not in heard["alpha"], "another organisation's node"
    assert ["DeadMansSwitch", ""] not in heard["people"]
    assert {one[0] for one in heard["mail"]} == {one[0] for one in of_beta}
    assert {"0.1.0"} == {one for one in heard["write"] if isinstance(one, str)}
    until_told(ALWAYS)


# What MonitorFails looks at: a series that is never there could never raise it.
COUNTED = [
    "alertmanager_notifications_failed_total",
    "prometheus_notifications_dropped_total",
    "prometheus_rule_evaluation_failures_total",
]


@pytest.mark.parametrize("name", COUNTED)
def test_what_tells_of_the_monitor_itself_is_counted_here(name: str) -> None:
    assert asked("prometheus", f"/api/v1/query?query={name}%7Bjob%3D%22monitor%22%7D")["data"]["result"], name


def test_this_monitor_asks_every_host_of_the_file() -> None:
    (seen,) = asked("prometheus", "/api/v1/query?query=nodeops%3Ahosts%3Acount")["data"]["result"]
    assert int(seen["value"][1]) == len(hosts.NODES) + 1


def route(**labels: str) -> set[str]:
    """Return who is told of an alert, as the installed configuration says."""
    words = shlex.join(f"{name}={value}" for name, value in labels.items())
    said = hosts.must(MONITOR, f"amtool config routes test --config.file=/etc/prometheus/nodeops/alertmanager.yml {words}")
    return set(said.strip().split(","))


def test_of_a_monitor_that_fails_everybody_is_told() -> None:
    everybody = {"people", "critical", "dead-man", "organisation-alpha", "organisation-beta"}
    assert route(alertname="MonitorFails", severity="critical", job="monitor") == everybody


def test_the_dead_mans_switch_is_sent_at_every_turn() -> None:
    found = yaml.safe_load(hosts.must(MONITOR, "cat /etc/prometheus/nodeops/alertmanager.yml"))["route"]
    (switch,) = [one for one in found["routes"] if "DeadMansSwitch" in str(one.get("matchers"))]
    assert (switch["repeat_interval"], found["group_interval"]) == ("30s", "1m"), (
        "as long as the turn, it is left out now and then"
    )


def test_planned_work_is_silent_and_what_is_over_is_not() -> None:
    (silence,) = [one for one in asked("alertmanager", "/api/v2/silences") if TRIAL not in one["comment"]]
    assert silence["comment"].startswith("new disks (2098-")
    assert silence["startsAt"].startswith("2098-01-01T00:00:00")
    assert [(one["name"], one["value"], one["isRegex"]) for one in silence["matchers"]] == [("node", "alpha-1|beta-1", True)]


def amtool(*words: str) -> str:
    """Return what amtool says that must succeed, as an operator would call it."""
    port = document()["monitor_ports"]["alertmanager"]["port"]
    where = ("--http.config.file=/etc/prometheus/nodeops/client.yml", f"--alertmanager.url=https://127.0.0.1:{port}")
    return hosts.must(MONITOR, shlex.join(["amtool", *where, *words]))


def moment(seconds: float) -> str:
    """Return a moment so many seconds from now, as windows and amtool write it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_while_all_nodes_are_worked_on_theirs_are_silent_and_those_of_monitors_are_told() -> None:
    of_node, of_monitor = (
        ["alertname=" + TRIAL, "network=monitored", "organisation=alpha", f"node={node}", f"duty={duty}"]
        for node, duty in (("alpha-1", "validator"), (MONITOR, "monitor"))
    )
    amtool("alert", "add", *of_node)
    amtool("alert", "add", *of_monitor)
    # What was taken is there at once.
    assert {(TRIAL, "alpha-1"), (TRIAL, MONITOR)} <= told_of_all()
    window = {"from": moment(-60), "until": moment(3600), "why": TRIAL}
    done = hosts.play(
        f"../{hosts.SCENARIO.relative_to(hosts.ROOT)}/silences.yml", "-e", json.dumps({"monitoring_maintenance": [window]})
    )
    try:
        assert done.returncode == 0, done.stdout[-4000:]
        told = {alert for alert in told_of_all() if alert[0] == TRIAL}
        assert told == {(TRIAL, MONITOR)}
    finally:
        for one in asked("alertmanager", "/api/v2/silences"):
            if TRIAL in one["comment"] and one["status"]["state"] == "active":
                amtool("silence", "expire", one["id"])
        for labels in (of_node, of_monitor):
            amtool("alert", "add", f"--start={moment(-600)}", f"--end={moment(-1)}", *labels)
    assert TRIAL not in {name for name, _ in told_of_all()}


@pytest.mark.parametrize("name", ["prometheus.yml", "alertmanager.yml"])
def test_what_may_hold_a_secret_is_read_by_nobody_else(name: str) -> None:
    path = f"/etc/prometheus/nodeops/{name}"
    assert hosts.must(MONITOR, f"stat -c '%a %U:%G' {path}").split() == ["640", "root:prometheus"]
    assert hosts.run(MONITOR, f"setpriv --reuid nobody --regid nogroup --clear-groups cat {path}").code != 0


def test_nobody_without_a_certificate_is_answered() -> None:
    ports = document()["monitor_ports"]
    for place in ports.values():
        line = f"python3 -c {shlex.quote(STRANGER)} {place['port']}"
        said = hosts.run(MONITOR, line)
        assert (said.code, "refused" in said.out) == (0, True), said
        assert place["bind"] == "127.0.0.1"
        listening = hosts.must(MONITOR, f"ss -Hltn 'sport = :{place['port']}'").split()
        assert f"127.0.0.1:{place['port']}" in listening


@pytest.mark.parametrize("unit", ["prometheus", "prometheus-alertmanager"])
def test_the_exposure_of_its_units(unit: str) -> None:
    said = hosts.must(MONITOR, f"systemd-analyze security --no-pager {unit}.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 1.5
    pid = hosts.must(MONITOR, f"systemctl show -p MainPID --value {unit}").strip()
    assert hosts.must(MONITOR, f"stat -c %U /proc/{pid}").strip() == "prometheus"
    assert int(hosts.must(MONITOR, f"awk '/^CapEff/ {{print $2}}' /proc/{pid}/status"), 16) == 0
    inside = f"nsenter --mount --target {pid}"
    assert hosts.run(MONITOR, f"{inside} touch /etc/prometheus/x").code != 0
    assert "PRIVATE" not in hosts.run(MONITOR, f"{inside} cat {document()['paths']['monitoring_key']}").out


# With TLS 1.3 a server says that it wants a certificate when the client reads.
STRANGER = """
import ssl, sys, urllib.request
context = ssl._create_unverified_context()
try:
    urllib.request.urlopen(f"https://127.0.0.1:{sys.argv[1]}/metrics", context=context, timeout=10).read()
    print("answered")
except OSError as error:
    print("refused", error)
"""

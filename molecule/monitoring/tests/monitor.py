"""What the scenario's monitor says: the real Alertmanager of now, the real Prometheus of a while; and whom the fleet blames."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import hosts

MONITOR = "mon-1"
# Name and node of an alert; no node where it concerns the network.
Alert = tuple[str, str]
ALWAYS: set[Alert] = {("DeadMansSwitch", "")}
# Nodes send their logs only while test_log_host.py runs, which asks for these itself.
OF_LOGS = ("LogHostSilent", "LogHostLeavesOut")
WAIT = 240
# Of what the small receiver was told (receiver.py, begun by converge.yml: a receiver that is away is an ill, MonitorFails).
BOOK = "/run/receiver.jsonl"
ASK = """
import json, ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[2])
context.check_hostname = False
context.load_cert_chain(sys.argv[2], sys.argv[3])
with urllib.request.urlopen(sys.argv[1], context=context, timeout=20) as answer:
    print(answer.read().decode())
"""


def document() -> Any:
    return hosts.controller("document", "show", "alpha-1", "--json")["document"]


def asked(part: str, path: str) -> Any:
    """Return what Prometheus or Alertmanager answers to whoever has the monitor's certificate."""
    found = document()
    port, paths = found["monitor_ports"][part]["port"], found["paths"]
    url = f"https://127.0.0.1:{port}{path}"
    return json.loads(hosts.script(MONITOR, ASK, url, paths["monitoring_certificate"], paths["monitoring_key"]))


def told() -> set[Alert]:
    """Return every alert that people are told of, those of OF_LOGS aside: none that is inhibited or resolved."""
    return {alert for alert in told_of_all() if alert[0] not in OF_LOGS}


def told_of_all() -> set[Alert]:
    """Return every alert that people are told of."""
    alerts = asked("alertmanager", "/api/v2/alerts?active=true&inhibited=false&silenced=false")
    return {(one["labels"]["alertname"], one["labels"].get("node", "")) for one in alerts}


def until_told(wanted: set[Alert], seconds: float = WAIT) -> None:
    """Wait until exactly these alerts are told."""
    end = time.monotonic() + seconds
    while (seen := told()) != wanted:
        assert time.monotonic() < end, f"{sorted(seen)} instead of {sorted(wanted)}"
        time.sleep(3)


def fired(begun: float, ended: float, step: int) -> dict[Alert, float]:
    """Return when each alert fired first between two moments (Unix seconds), those of OF_LOGS aside and inhibited ones as well,
    however short it was.
    """
    words = {"query": 'ALERTS{alertstate="firing"}', "start": begun, "end": ended, "step": step}
    found: dict[Alert, float] = {}
    for one in asked("prometheus", f"/api/v1/query_range?{urlencode(words)}")["data"]["result"]:
        alert = (one["metric"]["alertname"], one["metric"].get("node", ""))
        if alert[0] in OF_LOGS:
            continue
        found[alert] = min(float(one["values"][0][0]), found.get(alert, ended))
    return found


def causes() -> set[tuple[str, tuple[str, ...]]]:
    """Return what is ill in the mesh, as the controller says it: the kind of cause and its nodes."""
    said: Any = hosts.controller("fleet", "mesh", "--timeout", "60", "--json")
    return {(one["kind"], tuple(one["nodes"])) for one in said["causes"]}

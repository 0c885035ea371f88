"""Every query of every panel, asked of the real Prometheus; and what the role gives a Grafana, with a stand-in for its unit."""

import json
import time
from collections.abc import Iterator
from typing import Any

import hosts
import pytest
import test_rules
import yaml
from monitor import WAIT
from panel_forgeries import AT_MINUTES, FORGERIES

MONITOR = "mon-1"
FILES = sorted((hosts.ROOT / "roles/dashboards/files").glob("*.json"))
# What a person would choose; Grafana fills in the rest.
CHOSEN = {"$network": "monitored", "$node": "alpha-1|mon-1", "$__rate_interval": "1m"}
# Panels that rightly say nothing here, and the event that fills them.
EMPTY = {
    ("nodeops-fleet", "First disk full in"): "a disk that fills for some hours",
    ("nodeops-fleet", "What is wrong now"): "an alert",
    ("nodeops-fleet", "Nodes", "Hardening"): "an audit: this scenario does not harden",
    ("nodeops-node", "Filesystems", "Full in"): "a disk that fills for some hours",
    ("nodeops-backup", "Nodes whose last try failed"): "a backup: this scenario has no repository",
    ("nodeops-backup", "Oldest backup"): "a backup",
    ("nodeops-backup", "Size"): "a backup",
    ("nodeops-backup", "Nodes"): "a backup",
    ("nodeops-backup", "Size over time"): "a backup",
    ("nodeops-backup", "Time"): "a backup",
    ("nodeops-backup", "Drills that failed"): "a drill",
    ("nodeops-backup", "Oldest drill"): "a drill",
    ("nodeops-service", "Planned work over time"): "planned work: the scenario's is in 2098",
    ("nodeops-security", "Updates"): "a look at updates: this scenario does not patch",
    ("nodeops-security", "Pending patches of security"): "a look at updates",
    ("nodeops-security", "Lowest hardening score"): "an audit",
    ("nodeops-security", "Hardening"): "an audit",
    ("nodeops-security", "Hardening over time"): "an audit",
    ("nodeops-security", "Audits", "Audit"): "an audit",
    ("nodeops-monitoring", "Custom metrics"): "a .prom file",
    ("nodeops-monitoring", "Messages"): "a receiver that is told",
}
ASK = """
import json, ssl, sys, urllib.error, urllib.parse, urllib.request
base, certificate, key, queries = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
context = ssl.create_default_context(cafile=certificate)
context.check_hostname = False
context.load_cert_chain(certificate, key)
opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
def asked(query):
    try:
        with opener.open(base + "/api/v1/query?" + urllib.parse.urlencode({"query": query}), timeout=20) as answer:
            return len(json.load(answer)["data"]["result"])
    except urllib.error.HTTPError as error:
        return json.load(error)["error"]
print(json.dumps([asked(query) for query in queries]))
"""


def queries() -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield dashboard, panel and column of each query, and the query as Grafana would send it."""
    for file in FILES:
        found = json.loads(file.read_text(encoding="utf-8"))
        for panel in found["panels"]:
            columns = titles(panel)
            for target in panel.get("targets", []):
                query = target["expr"]
                for name, value in CHOSEN.items():
                    query = query.replace(name, value)
                yield (found["uid"], panel["title"], columns.get(target["refId"], target["refId"])), query


def titles(panel: dict[str, Any]) -> dict[str, str]:
    """Return the title of the column that each query of a table fills."""
    renamed = [one["options"]["renameByName"] for one in panel.get("transformations", []) if one["id"] == "organize"]
    return {name.rpartition("#")[2]: title for names in renamed for name, title in names.items() if name.startswith("Value #")}


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, ...], int | str]:
    """Return what each query says once all say something that should: on a busy host a collector is late now and then."""
    until = time.monotonic() + WAIT
    while silent(found := asked_once()) and time.monotonic() < until:
        time.sleep(3)
    return found


def silent(answers: dict[tuple[str, ...], int | str]) -> set[tuple[str, ...]]:
    """Return the panels that say nothing, without a named event to wait for."""
    return {place for place, series in answers.items() if series == 0 and place not in EMPTY and place[:2] not in EMPTY}


def asked_once() -> dict[tuple[str, ...], int | str]:
    found = hosts.controller("document", "show", "alpha-1", "--json")["document"]
    paths, port = found["paths"], found["monitor_ports"]["prometheus"]["port"]
    asked = list(queries())
    words = (f"https://127.0.0.1:{port}", paths["monitoring_certificate"], paths["monitoring_key"])
    said = json.loads(hosts.script(MONITOR, ASK, *words, json.dumps([query for _, query in asked])))
    return {place: answer for (place, _), answer in zip(asked, said, strict=True)}


def test_every_query_is_understood(answers: dict[tuple[str, ...], int | str]) -> None:
    assert len(answers) >= 110
    assert {place: said for place, said in answers.items() if isinstance(said, str)} == {}


def test_every_panel_says_something_or_waits_for_a_named_event(answers: dict[tuple[str, ...], int | str]) -> None:
    assert silent(answers) == set()
    known = {place[:2] for place in answers} | set(answers)
    assert set(EMPTY) <= known


def forged() -> str:
    """Return promtool's test file of what panels show while one host lies."""
    asked_of = {place[:2]: query.replace(CHOSEN["$network"], "n").replace(CHOSEN["$node"], ".*") for place, query in queries()}
    tests = [
        {
            "interval": "15s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {"expr": asked_of[place], "eval_time": f"{AT_MINUTES}m", "exp_samples": [{"labels": "{}", "value": shown}]}
            ],
        }
        for place, cases in FORGERIES.items()
        for series, shown in cases
    ]
    return str(yaml.safe_dump({"rule_files": ["RULES"], "evaluation_interval": "15s", "tests": tests}))


def test_what_one_host_says_alone_moves_no_picture_of_all() -> None:
    said = test_rules.promtool({"forged": (test_rules.only(test_rules.RULES[0]), forged())})["forged"]
    assert "SUCCESS" in said, said


# No Grafana can be installed here: a unit of its name that reads what the data source names, and nothing else of it.
STAND_IN = """[Service]
DynamicUser=yes
ExecStart=/bin/sh -c 'cat /run/credentials/grafana-server.service/key.pem >/dev/null && exec sleep infinity'
[Install]
WantedBy=multi-user.target
"""


def test_a_monitor_without_grafana_is_refused_and_one_with_it_gets_files_and_key() -> None:
    assert "has no Grafana" in hosts.play("dashboards.yml").stdout
    assert hosts.run(MONITOR, "ls /etc/grafana").code != 0
    unit = "/etc/systemd/system/grafana-server.service"
    hosts.must(MONITOR, f"mkdir -p /etc/grafana/provisioning; cat > {unit}", given=STAND_IN.encode())
    try:
        done = hosts.play("dashboards.yml")
        assert done.returncode == 0, done.stdout[-3000:]
        given = hosts.must(MONITOR, "cd /etc/grafana; cat provisioning/*/nodeops.yml nodeops/*.json; ls nodeops")
        assert "RUNBOOKS" not in given
        assert all(file.name in given for file in FILES)
        assert hosts.must(MONITOR, "systemctl is-active grafana-server").strip() == "active"
        assert "PRIVATE KEY" not in given
    finally:
        hosts.must(
            MONITOR, f"systemctl disable --now grafana-server; rm -r /etc/grafana {unit} {unit}.d; systemctl daemon-reload"
        )

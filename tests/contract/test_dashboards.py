"""The committed dashboards are what the generator writes, and each can be read, provisioned and drawn."""

import json

import pytest

from dashboards.generate import FOLDER, written
from dashboards.pages import NEWEST_BLOCK, counted, middle
from tests.contract.rules import dashboards, metrics
from tests.contract.rules.tree import ROOT, assert_kept


def test_the_house_keeps():
    assert_kept(dashboards.faults)


def test_the_house_is_seen():
    found = dict(dashboards.dashboards(ROOT))
    assert {"nodeops-fleet", "nodeops-node"} <= set(found)
    assert sum(len(one["panels"]) for one in found.values()) > 40


def test_they_are_what_the_generator_writes():
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == written(), "make dashboards"


PANEL = {
    "id": 1,
    "type": "stat",
    "title": "A",
    "description": "What it says.",
    "datasource": dashboards.SOURCE,
    "fieldConfig": {"defaults": {"unit": "s"}},
    "gridPos": {"x": 12, "y": 0, "w": 12, "h": 4},
    "targets": [{"expr": "up", "datasource": dashboards.SOURCE}],
}


def asking(query):
    return {**PANEL, "targets": [{"expr": query, "datasource": dashboards.SOURCE}]}


PAGE = {
    "uid": "x",
    "description": "What it shows.",
    "editable": False,
    "templating": {"list": [{"type": "datasource"}]},
    "panels": [PANEL],
}
BREACHES = {
    "another uid": {"uid": "y"},
    "can be edited": {"editable": True},
    "no data source to choose": {"templating": {"list": []}},
    "two of one title": {"panels": [PANEL, {**PANEL, "id": 2}]},
    "Angular's kind": {"panels": [{**PANEL, "type": "graph"}]},
    "no description": {"panels": [{**PANEL, "description": ""}]},
    "no unit": {"panels": [{**PANEL, "fieldConfig": {"defaults": {}}}]},
    "wider than the grid": {"panels": [{**PANEL, "gridPos": {"x": 13, "y": 0, "w": 12, "h": 4}}]},
    "a data source of one server": {"panels": [{**PANEL, "targets": [{"expr": "up", "datasource": {"uid": "P1"}}]}]},
    "nothing asked": {"panels": [{**PANEL, "targets": []}]},
    **{
        f"one host that is believed: {query}": {"panels": [asking(query)]}
        for query in (
            "time() - max(nodeops_ledger_head_timestamp_seconds)",
            "max by (network) (nodeops_ledger_height_blocks)",
            "1 / max(deriv(nodeops_ledger_height_blocks[5m]))",
            "min (quantile by (network) (0.5, nodeops_quorum_margin_power))",
            "sum(1 - nodeops_firewall_loaded{})",
            'sum(nodeops_backup_failed{network=~"$network"})',
            "sum(increase(alertmanager_notifications_failed_total[1h]))",
        )
    },
}


@pytest.mark.parametrize("change", BREACHES.values(), ids=BREACHES)
def test_breaches_are_found(plant, change):
    def page(found):
        return plant({f"{dashboards.FOLDER}/x.json": json.dumps(found)})

    assert list(dashboards.faults(page(PAGE))) == []
    assert len(list(dashboards.faults(page({**PAGE, **change})))) == 1


def test_what_the_middle_one_of_the_nodes_says_is_no_breach(plant):
    for query in (middle("nodeops_quorum_margin_power", "min"), NEWEST_BLOCK, counted("nodeops_backup_failed == bool 1")):
        root = plant({f"{dashboards.FOLDER}/x.json": json.dumps({**PAGE, "panels": [asking(query)]})})
        assert list(dashboards.faults(root)) == []


def test_a_metric_that_nobody_exports_is_found(plant):
    root = plant({f"{dashboards.FOLDER}/x.json": json.dumps({"expr": "nodeops_ledger_hight"})})
    assert list(metrics.unknown_names(root)) == [f"{dashboards.FOLDER}/x.json speaks of nodeops_ledger_hight"]

"""A metric that is used and not exported, or exported and nowhere explained, is found here and not in production."""

import pytest

from tests.contract.rules import metrics
from tests.contract.rules.tree import ROOT, assert_kept


@pytest.mark.parametrize(
    "rule", [metrics.not_explained, metrics.not_exported, metrics.unknown_names], ids=lambda rule: rule.__name__
)
def test_the_house_keeps(rule):
    assert_kept(rule)


def test_the_house_is_seen():
    assert {"ledger_up", "disk_stage", "collector_up"} <= metrics.catalogued(ROOT) & set(metrics.exported(ROOT))


def test_no_alert_is_bare():
    assert_kept(metrics.bare_alerts)


def test_what_is_inhibited_is_there():
    assert_kept(metrics.unknown_alerts)


def test_breaches_are_found(plant):
    root = plant(
        {
            f"{metrics.CATALOGUE}/x.toml": "[a_up]\n[b_total]\n",
            "nodeops/x/metrics.py": "Sample('a_up', 1)\nSample('c_up', 1)\nSample(name, 1)\n",
            "docs/a.md": "`nodeops_a_up`, nodeops_verb, `nodeops_d_up`",
        }
    )
    assert len(list(metrics.not_explained(root))) == 2
    assert list(metrics.not_exported(root)) == ["b_total is in the catalogue and exported by nobody"]
    assert list(metrics.unknown_names(root)) == ["docs/a.md speaks of nodeops_d_up"]


def test_bare_alerts_are_found(plant):
    rule = "{alert: A, expr: up == 0, labels: {severity: high}, annotations: {summary: x, runbook_url: RUNBOOKS/B.md}}"
    root = plant({metrics.RULES: f"groups: [{{name: g, rules: [{rule}]}}]", f"{metrics.RUNBOOKS}/C.md": "# C"})
    assert len(list(metrics.bare_alerts(root))) == 5


def test_alerts_that_are_not_there_are_found(plant):
    root = plant(
        {
            metrics.RULES: "groups: [{name: g, rules: [{alert: A}]}]",
            metrics.RECEIVERS: "['alertname =~ \"A|B\"', 'alertname != \"C\"']",
        }
    )
    assert [found.split()[2] for found in metrics.unknown_alerts(root)] == ["B,", "C,"]

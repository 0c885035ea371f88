"""Rounds as metrics: what the ledger's page says, nothing of a ledger that is down, a failure where the page alone fails."""

from urllib.parse import urlsplit

import pytest

from nodeops.exporter import round_metrics
from nodeops.exporter.cache import Runner
from tests.ports import free_ports
from tests.unit.exporter.test_collectors import Ledger, value
from tests.unit.ledger.network_made import CHAIN, OWN, document, real
from tests.unit.ledger.rpc_server import CASES, answering, http, saying

PAGE = (
    (CASES / "metrics.prom").read_text().replace("chain-F99ECE", CHAIN).replace("7B697B0C01B0537A04A96ADD56FBA548249015D5", OWN)
)


def node(folder, rpc, metrics):
    """Return the document of a node whose RPC and page are at these ports."""
    found = document(folder, rpc)
    port = found.ledger.ports["metrics"].model_copy(update={"port": metrics})
    ports = {**found.ledger.ports, "metrics": port}
    return found.model_copy(update={"ledger": found.ledger.model_copy(update={"ports": ports})})


def looked(document):
    """Return what one round of the collector as it runs in the exporter comes to."""
    runner = Runner(round_metrics.COLLECTOR, document)
    runner._one_round()
    return runner.samples()


def port(url):
    return urlsplit(url).port


def test_each_figure_has_its_name():
    found = list(round_metrics.samples(Ledger()))
    assert value(found, "consensus_proposals_made_total") == 3
    assert value(found, "consensus_proposal_making_seconds_total") == 0.01
    assert value(found, "consensus_proposal_quorum_seconds") == 0.2
    steps = [(one.name, one.value) for one in found if one.labels == {"step": "propose"}]
    assert steps == [("consensus_step_seconds_total", 0.5), ("consensus_steps_total", 9)]


def test_a_ledgers_own_page_is_read_on_loopback(tmp_path):
    with answering(real()) as rpc, saying(http(PAGE.encode())) as page:
        found = looked(node(tmp_path, port(rpc), port(page)))
    assert value(found, "collector_up") == 1
    assert value(found, "consensus_proposals_made_total") == 12
    assert value(found, "consensus_proposal_quorum_seconds") == 0.104466545


@pytest.mark.parametrize(
    "answer", [http(b"<html>"), http(b"busy", "503 Service Unavailable"), b""], ids=["other", "busy", "none"]
)
def test_a_page_that_cannot_be_read_is_a_collector_that_failed_and_says_why(tmp_path, capsys, answer):
    with answering(real()) as rpc, saying(answer) as page:
        found = looked(node(tmp_path, port(rpc), port(page)))
        assert f"collector rounds fails: HostError: {page}/metrics: " in capsys.readouterr().err
    assert value(found, "collector_up") == 0
    assert [one.name for one in found if one.name.startswith("consensus_")] == []


def test_a_page_where_nobody_listens_is_one_too_while_the_ledger_answers(tmp_path, capsys):
    with answering(real()) as rpc:
        assert value(looked(node(tmp_path, port(rpc), *free_ports(1))), "collector_up") == 0
    assert "connection refused" in capsys.readouterr().err


def test_of_a_ledger_that_is_down_it_says_nothing_and_does_not_fail(tmp_path):
    found = looked(node(tmp_path, *free_ports(2)))
    assert value(found, "collector_up") == 1
    assert [one.name for one in found if one.name.startswith("consensus_")] == []

"""Who may reach a host that runs no ledger: a monitor, and the repository of one organisation."""

import pytest

from nodeops.document.models import HostDocument
from nodeops.document.resolve import resolve_host
from nodeops.firewall import proof
from nodeops.firewall.explain import explain
from nodeops.firewall.ruleset import nft_text
from nodeops.firewall.trace_rules import Outcome
from tests.unit.firewall.samples import OPERATORS, consortium, rules

SOURCES = {
    "operator": "192.0.2.44",
    "operator over IPv6": "2001:db8:5::44",
    "node of its organisation": "10.0.0.2",
    "node of another": "2001:db8::1",
    "named node of another": "198.51.100.7",
    "monitor": "10.0.0.9",
    "repository": "10.0.0.8",
    "client": "203.0.113.5",
    "stranger": "203.0.113.200",
}
PORTS = {
    "ssh": 22,
    "prometheus": 9090,
    "alertmanager": 9093,
    "backups": 9657,
    "logs": 6514,
    "exporter": 9655,
    "p2p": 26656,
    "rpc": 26657,
    "metrics": 26660,
}
OPEN = {
    "mon": {("operator", "ssh"), ("operator over IPv6", "ssh")},
    "keep": {
        ("operator", "ssh"),
        ("operator over IPv6", "ssh"),
        ("node of its organisation", "backups"),
        ("monitor", "exporter"),
    },
}


def document(name: str, **firewall: object) -> HostDocument:
    return resolve_host(consortium(), name, {"firewall": {"operators": OPERATORS, "clients": ["203.0.113.0/28"], **firewall}})


def told(written: HostDocument, address: str, port: int):
    return explain(written, rules(written), Outcome(None), address, port, "tcp")


@pytest.mark.parametrize("name", OPEN)
@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_at_every_port(name, source, port):
    assert told(document(name), SOURCES[source], PORTS[port]).asked == ((source, port) in OPEN[name])


@pytest.mark.parametrize("name", OPEN)
@pytest.mark.parametrize("source", SOURCES)
def test_a_log_host_is_open_to_the_nodes_of_its_organisation_besides(name, source):
    chosen = {"firewall": {"operators": OPERATORS}, "hardening": {"log_hosts": [name]}}
    written = resolve_host(consortium(), name, chosen)
    assert told(written, SOURCES[source], PORTS["logs"]).asked == (source == "node of its organisation")


def test_the_mesh_of_the_nodes_is_closed():
    assert "udp dport 9656" not in nft_text(rules(document("mon"))) + nft_text(rules(document("keep")))


@pytest.mark.parametrize(
    ("name", "port", "words"),
    [
        ("mon", 9090, "prometheus of nodeops (local)"),
        ("keep", 9657, "backups of nodeops (organisation)"),
        ("mon", 26656, "not a port of the node document"),
        ("keep", 22, "ssh"),
    ],
)
def test_what_a_port_is_here_is_said(name, port, words):
    assert told(document(name), SOURCES["stranger"], port).port_is == words


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("mon", 'ip daddr { 10.0.0.1, 10.0.0.2, 10.0.0.8, 198.51.100.7 } tcp dport 9655 accept comment "exporter-out"'),
        ("keep", ""),
    ],
)
def test_with_a_list_only_what_it_is_for_goes_out(name, goes):
    script = nft_text(rules(document(name, egress=[])))
    assert goes in script
    assert script.count("-out") == (2 if goes else 0)


def test_members_monitors_and_operators_may_ping_it():
    seen = {str(network) for network in rules(document("keep")).echo}
    assert {"10.0.0.1/32", "10.0.0.9/32", "192.0.2.0/24"} <= seen
    assert "10.0.0.8/32" not in seen


def test_a_host_without_a_ledger_has_nothing_more_to_prove(tmp_path):
    before = proof.remember(document("mon"), tmp_path)
    assert (list(before.peers), before.height) == ([], None)
    proof.require_proof(document("mon"), proof.recalled(tmp_path))

"""Who may reach what follows from the node document: every kind of source against every port."""

import pytest

from nodeops.core.errors import Refused
from nodeops.document.models import NodeDocument
from nodeops.firewall.explain import explain
from nodeops.firewall.guard_rules import Login, require_a_way_in
from nodeops.firewall.rules import collapsed
from nodeops.firewall.ruleset import nft_text
from nodeops.firewall.trace_rules import Outcome
from tests.unit.firewall.samples import RESOLVED, document, rules

SOURCES = {
    "operator": "192.0.2.44",
    "operator over IPv6": "2001:db8:5::44",
    "member": "10.0.0.2",
    "member over IPv6": "2001:db8::1",
    "named member": "198.51.100.7",
    "named member over IPv6": "2001:db8:7::1",
    "monitor": "10.0.0.9",
    "client": "203.0.113.5",
    "stranger": "203.0.113.200",
    "stranger over IPv6": "2001:db8:ffff::1",
}
PORTS = {"ssh": 22, "p2p": 26656, "rpc": 26657, "metrics": 26660, "exporter": 9655, "published": 8080, "another": 9999}
OPEN = {
    ("operator", "ssh"),
    ("operator over IPv6", "ssh"),
    ("member", "p2p"),
    ("member over IPv6", "p2p"),
    ("named member", "p2p"),
    ("named member over IPv6", "p2p"),
    ("monitor", "exporter"),
    ("client", "rpc"),
    ("client", "published"),
}
CHOICES = {
    "clients": ["203.0.113.0/28"],
    "published": [{"port": 8080, "sources": ["203.0.113.0/28"], "why": "an application"}],
}


def asked(written: NodeDocument, address: str, port: int, protocol: str = "tcp") -> bool | None:
    """Return whether a document lets an address in; what is loaded is looked at in test_knock.py."""
    return explain(written, rules(written), Outcome(None), address, port, protocol).asked


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_at_every_port(source, port):
    written = document(**CHOICES)
    assert asked(written, SOURCES[source], PORTS[port]) == ((source, port) in OPEN)


@pytest.mark.parametrize("source", SOURCES.values())
def test_without_clients_nobody_reaches_the_rpc(source):
    written = document()
    assert not asked(written, source, 26657)
    assert written.ledger.ports["rpc"].bind == "127.0.0.1"


MEMBERS = {source for source in SOURCES if "member" in source}


@pytest.mark.parametrize("source", SOURCES)
def test_a_node_that_answers_members_has_its_rpc_open_to_them_alone(source):
    written = document(answering=("a-1",))
    assert asked(written, SOURCES[source], 26657) == (source in MEMBERS)
    assert written.ledger.ports["rpc"].bind == "0.0.0.0"


def test_who_lets_little_out_reaches_the_members_that_answer_and_no_other_rpc():
    names = {rule.name: [str(one) for one in rule.networks] for rule in rules(document(answering=("a-2",), egress=[])).rules}
    assert names["rpc-members-out"] == ["10.0.0.2/32"]
    assert "rpc-members" not in names
    assert "rpc-members-out" not in {rule.name for rule in rules(document(egress=[])).rules}


def test_the_protocol_counts():
    written = document()
    assert not asked(written, SOURCES["member"], 26656, "udp")


def test_an_ipv4_address_in_ipv6_spelling_is_the_same():
    written = document()
    assert asked(written, "::ffff:10.0.0.2", 26656)


_DROPPED = Outcome(False, "table inet nodeops, chain input: policy drop")


@pytest.mark.parametrize(
    ("address", "port", "outcome", "words"),
    [
        ("10.0.0.2", 26656, Outcome(True, ours="p2p"), ["p2p", "members", "gossip"]),
        ("203.0.113.200", 22, _DROPPED, ["policy drop", "192.0.2.0/24"]),
        ("203.0.113.200", 9999, _DROPPED, ["no rule opens this port"]),
        ("127.0.0.1", 26657, Outcome(True, ours="lo"), ["loopback"]),
        ("10.0.0.2", 26656, Outcome(False, "table ip filter, chain INPUT: policy drop", "p2p"), ["ip filter", "of others"]),
        ("203.0.113.200", 22, Outcome(True), ["no rule", "not let it in", "firewall apply"]),
    ],
)
def test_an_explanation_names_the_rule_and_the_reason(address, port, outcome, words):
    written = document()
    said = " ".join(str(value) for value in vars(explain(written, rules(written), outcome, address, port, "tcp")).values())
    assert all(word in said for word in words), said


def test_the_node_itself_is_no_source():
    written = document()
    assert not asked(written, "10.0.0.1", 26656)


def test_networks_that_overlap_become_one():
    assert [str(one) for one in collapsed(["10.1.0.0/16", "10.0.0.0/8", "::1/128", "10.0.0.9/32"])] == ["10.0.0.0/8", "::1/128"]


def test_two_families_have_rules_alike():
    script = nft_text(rules(document()))
    assert "ip saddr { 10.0.0.2, 198.51.100.7 } tcp dport 26656 accept" in script
    assert "ip6 saddr { 2001:db8::1, 2001:db8:7::1 } tcp dport 26656 accept" in script


def test_only_our_table_is_touched_and_in_one_transaction():
    script = nft_text(rules(document(**CHOICES)))
    assert script.startswith("table inet nodeops\ndelete table inet nodeops\ntable inet nodeops {\n")
    assert "flush" not in script
    assert script.count("table ") == 3


def test_no_rule_counts_what_a_source_asks_because_a_source_can_be_forged():
    script = nft_text(rules(document(**CHOICES)))
    limited = [line for line in script.splitlines() if "limit rate" in line or "ct count" in line]
    assert all("icmp" in line for line in limited)
    assert "set " not in script


def test_the_same_document_gives_the_same_bytes():
    assert nft_text(rules(document(**CHOICES))) == nft_text(rules(document(**CHOICES)))


def test_without_a_list_everything_may_go_out():
    assert "hook output" not in nft_text(rules(document()))


def test_with_a_list_only_members_and_named_networks_may():
    script = nft_text(rules(document(egress=[{"to": ["203.0.113.53/32"], "protocol": "udp", "port": 53, "why": "names"}])))
    assert "hook output priority filter; policy drop" in script
    assert 'ip daddr { 203.0.113.53 } udp dport 53 accept comment "egress-1"' in script
    assert 'ip daddr { 10.0.0.2, 198.51.100.7 } tcp dport 26656 accept comment "p2p-out"' in script
    assert 'ip daddr { 10.0.0.8 } tcp dport 9657 accept comment "backups-out"' in script
    assert '"br-*" } jump egress' in script


@pytest.mark.parametrize(("address", "sets"), [("192.0.2.40", ["192.0.2.40"]), ("node.b.example", RESOLVED["node.b.example"])])
def test_with_a_list_the_log_host_is_reached_too(address, sets):
    pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
    chosen = {"log_host": {"address": address, "name": "logs", "authority": pem}}
    script = nft_text(rules(document(hardening=chosen, egress=[])))
    for one in sets:
        assert f'{"ip6" if ":" in one else "ip"} daddr {{ {one} }} tcp dport 6514 accept comment "log-host-out"' in script
    assert "hook output" not in nft_text(rules(document(hardening=chosen)))


def test_a_node_reaches_the_repository_of_its_own_organisation_only():
    assert "backups-out" not in nft_text(rules(document("b-1", egress=[])))


@pytest.mark.parametrize(
    ("login", "words"),
    [
        (Login("203.0.113.200", 22), "203.0.113.200"),
        (Login("2001:db8:ffff::1", 22), "could not log in again"),
        (Login("192.0.2.44", 2222), "port 2222"),
    ],
)
def test_rules_that_would_cut_off_who_loads_them_are_refused(login, words):
    with pytest.raises(Refused, match=words):
        require_a_way_in(rules(document()), login)


@pytest.mark.parametrize("login", [None, Login("192.0.2.44", 22), Login("2001:db8:5::44", 22), Login("::ffff:192.0.2.44", 22)])
def test_rules_with_a_way_in_are_not(login):
    require_a_way_in(rules(document()), login)


def test_rules_without_operators_are_refused_also_at_a_console():
    with pytest.raises(Refused, match="no operators"):
        require_a_way_in(rules(document(operators=[])), None)

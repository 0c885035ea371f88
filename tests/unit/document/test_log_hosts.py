"""Which host takes a node's logs: that of its own organisation, and what cannot be one."""

import pytest

from nodeops.core.errors import InputError
from nodeops.document.check import checked_inventory
from nodeops.document.models import Consortium
from nodeops.document.resolve import resolve_host

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\nAAA=\n-----END CERTIFICATE-----\n"
FILE = {
    "consortium": "test",
    "revision": 1,
    "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "test-1"},
    "organisations": {"a": {}, "b": {}, "c": {}},
    "nodes": {
        f"{name}-1": {"organisation": name, "duty": "validator", "power": 1, "address": f"10.0.0.{number}"}
        for number, name in enumerate("abc", 1)
    },
    "monitors": {
        "mon": {"organisation": "a", "address": "logs.a.example"},
        "mon-2": {"organisation": "a", "address": "10.0.0.9"},
    },
    "repositories": {"b-repo": {"organisation": "b", "address": "10.0.0.8"}},
}
CONSORTIUM = Consortium.model_validate(FILE)
BOTH = ["mon", "b-repo"]
OUTSIDE = {"address": "192.0.2.40", "name": "logs", "authority": PEM}


def made(name, **hardening):
    return resolve_host(CONSORTIUM, name, {"hardening": hardening})


@pytest.mark.parametrize(
    ("node", "address", "name"), [("a-1", "logs.a.example", "mon"), ("b-1", "10.0.0.8", "b-repo")], ids=["monitor", "repository"]
)
def test_a_node_sends_to_the_log_host_of_its_own_organisation(node, address, name):
    found = made(node, log_hosts=BOTH).limits.hardening.log_host
    assert (found.address, found.port, found.certified_name, found.authority) == (address, 6514, name, None)


def test_a_node_whose_organisation_has_none_sends_nothing():
    assert made("c-1", log_hosts=BOTH).limits.hardening.log_host is None
    assert made("a-1").limits.hardening.log_host is None


def test_one_outside_of_the_file_stays_as_it_is():
    assert made("a-1", log_host=OUTSIDE).limits.hardening.log_host.authority == PEM


def test_a_log_host_serves_its_port_to_its_organisation_and_sends_nothing():
    for name, own in (("mon", {"prometheus", "alertmanager", "exporter"}), ("b-repo", {"backups", "exporter"})):
        there, not_there = made(name, log_hosts=BOTH), made(name)
        assert (there.takes_logs, not_there.takes_logs) == (True, False)
        assert set(there.serves) - set(not_there.serves) == {"logs"}
        assert set(not_there.serves) == own
        assert there.serves["logs"].scope == "organisation"
        assert there.limits.hardening.log_host is None


BAD = {
    "unknown": ({"log_hosts": ["nobody"]}, r"names 'nobody', which is no monitor and no repository.*mon, mon-2"),
    "a node": ({"log_hosts": ["a-1"]}, "names 'a-1', which is no monitor"),
    "two of one": ({"log_hosts": ["mon", "b-repo", "mon-2"]}, "names mon and mon-2, both of a"),
    "both kinds": ({"log_hosts": ["mon"], "log_host": OUTSIDE}, "name one of both"),
    "outside without a certificate": (
        {"log_host": {"address": "192.0.2.40", "name": "logs"}},
        "authority: needs the certificate",
    ),
}


@pytest.mark.parametrize(("chosen", "said"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", ["a-1", "c-1", "mon", "b-repo"])
def test_what_cannot_be_a_log_host_is_refused_on_every_host(name, chosen, said):
    with pytest.raises(InputError, match=f"(?s){said}"):
        made(name, **chosen)


def test_document_check_names_the_line(tmp_path):
    (tmp_path / "group_vars").mkdir()
    text = "consortium: t\nrevision: 1\nledger: {platform: cometbft, version: v0.38.21, chain: t-1}\norganisations: {a: {}}\n"
    node = "nodes: {a-1: {organisation: a, duty: validator, power: 1, address: 10.0.0.1}}\n"
    (tmp_path / "consortium.yml").write_text(text + node)
    choices = "nodeops_manages: [a]\nnodeops_choices:\n  hardening:\n    log_hosts: [mon]\n"
    (tmp_path / "group_vars" / "all.yml").write_text(choices)
    with pytest.raises(InputError, match=r"(?s)all\.yml:4: hardening\.log_hosts names 'mon'.*consortium\.yml names neither"):
        checked_inventory(tmp_path)

"""The document of a host that runs no ledger: what a node's has, but for the ledger; and verbs of the ledger say so."""

import json

import pytest

from nodeops.core.errors import HostError
from nodeops.document.facts import HostFacts
from nodeops.document.host import load_host_document, load_node_document
from nodeops.document.models import Waiver
from nodeops.document.preflight import judge_host
from nodeops.document.resolve import resolve, resolve_host
from tests.unit.firewall.samples import OPERATORS, consortium

CHOICES = {"firewall": {"operators": OPERATORS}}
WORDS = {"mon": "monitor mon of a", "keep": "repository keep of a", "a-1": "node a-1 of a"}


@pytest.mark.parametrize("name", WORDS)
def test_a_document_comes_back_as_it_was_written_and_says_what_it_is_for(tmp_path, name):
    written = resolve_host(consortium(), name, CHOICES)
    (tmp_path / "node.json").write_text(written.model_dump_json())
    assert load_host_document(tmp_path / "node.json") == written
    assert written.title == WORDS[name]


@pytest.mark.parametrize("name", ["mon", "keep"])
def test_all_but_the_ledger_is_what_a_node_is_told(name):
    plain, node = (resolve_host(consortium(), one, CHOICES).model_dump() for one in (name, "a-1"))
    assert {key for key in plain if plain[key] != node.get(key)} == {"host"}
    assert set(node) - set(plain) == {"node", "ledger"}


def test_a_verb_of_the_ledger_says_that_none_runs_here(tmp_path):
    (tmp_path / "node.json").write_text(resolve_host(consortium(), "mon", CHOICES).model_dump_json())
    with pytest.raises(HostError, match="this host is the monitor mon of a: it runs no ledger") as caught:
        load_node_document(tmp_path / "node.json")
    assert caught.value.hint == "this verb is for nodes"


@pytest.mark.parametrize("text", ["", "[]", '"host"', '{"host": {"kind": "bastion"}}'])
def test_what_is_no_document_is_said(tmp_path, text):
    (tmp_path / "node.json").write_text(text)
    with pytest.raises(HostError, match="damaged"):
        load_host_document(tmp_path / "node.json")


@pytest.mark.parametrize(("scope", "kept"), [("all", 1), ("a", 1), ("mon", 1), ("b", 0), ("a-1", 0)])
def test_waivers_of_the_host_and_of_its_organisation_are_kept(scope, kept):
    row = {"control": "ssh.x", "scope": scope, "owner": "Zhang Wei", "reason": "a migration", "expires": "2027-01-31"}
    waiver = Waiver.model_validate_json(json.dumps(row))
    assert len(resolve_host(consortium(), "mon", CHOICES, [waiver]).waivers) == kept


def test_it_is_judged_as_a_host_and_not_as_a_node():
    system = {"os": {"id": "debian", "version_id": "13"}, "architecture": "x86_64", "python": "3.13"}
    seen = HostFacts.model_validate({**system, "systemd": True, "time": 1000.0})
    ids = [
        {one.id for one in judge_host(document, seen, 1000.0)}
        for document in (resolve_host(consortium(), "keep", CHOICES), resolve(consortium(), "a-1", CHOICES))
    ]
    assert {"os-release", "clock", "operators", "paths", "units"} <= ids[0] < ids[1]
    assert all(one.startswith(("port:", "disk:", "account")) for one in ids[1] - ids[0])

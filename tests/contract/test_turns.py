"""One change at a time on a host: every verb says whether it holds the host; no unit runs one that another verb waits for."""

import re
from types import SimpleNamespace

import pytest

from tests.contract.rules import turns
from tests.contract.rules.tree import ROOT

STARTED = re.compile(r"^Exec\w+=\S*\{\{ node_document\.paths\.command \}\} (\w+ [\w-]+)", re.MULTILINE)
KNOWN = dict(turns.verbs())


def test_every_verb_says_whether_it_holds_the_host_and_does():
    assert list(turns.breaches(KNOWN)) == []


def test_no_unit_holds_the_host_that_a_verb_may_wait_for():
    started = {words for path in (ROOT / "roles").rglob("*.j2") for words in STARTED.findall(path.read_text(encoding="utf-8"))}
    assert {"backup run", "disk admit", "disk guard", "hardening recover"} <= started
    assert started & {*turns.HOLDS, *turns.HOLDS_BY_TRIAL} == set()


def command(*names, holds=False):
    return SimpleNamespace(callback=SimpleNamespace(changes_host=holds), params=[SimpleNamespace(name=name) for name in names])


FAULTS = {
    "a new verb": ({"disk wipe": command("dry_run")}, "nodeops disk wipe: is in 0 lists"),
    "one that lost its lock": ({"ledger start": command("dry_run")}, "nodeops ledger start: `changes_host` is missing"),
    "one that would wait for ever": ({"disk admit": command(holds=True)}, "nodeops disk admit: `changes_host` is there"),
    "one that looks no more": ({"disk plan": command("dry_run")}, "nodeops disk plan: has --dry-run"),
}


@pytest.mark.parametrize(("more", "breach"), FAULTS.values(), ids=FAULTS)
def test_faults_are_found(more, breach):
    assert [one.startswith(breach) for one in turns.breaches({**KNOWN, **more})] == [True]


def test_a_verb_that_is_gone_is_found():
    left = {words: one for words, one in KNOWN.items() if words != "ledger start"}
    assert list(turns.breaches(left)) == ["nodeops ledger start: is listed and not there"]

"""What a person sees of Ansible, run for real on hosts that are this machine: wrong inventories, hostile answers, reports."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nodeops.document.load import load_consortium
from nodeops.ledger.founding.gather_plan import identity_text
from nodeops.ledger.founding.genesis import content_digest, genesis_text, make_genesis
from tests.contract.rules.tree import ROOT
from tests.tiers import slow
from tests.unit.ledger.made_keys import identity_of

CONSORTIUM = """\
consortium: c
revision: 1
ledger: {platform: cometbft, version: v0.38.21, chain: c-1}
organisations: {a: {}}
nodes:
  n-1: {organisation: a, duty: validator, address: 192.0.2.1}
"""
WITNESSES = "".join(f"  n-{n}: {{organisation: a, duty: witness, address: 192.0.2.{n}}}\n" for n in range(2, 5))
HOSTILE = "broken \x1b]0;owned\x07\x1b[2J\x1b[8mhidden\u202e\x9b2J\n"
STEERING = ("\x1b]", "\x1b[2J", "\x1b[8m", "\x07", "\u202e", "\x9b")
FINDING = {"id": "a", "verdict": "fail", "actual": "b", "expected": "c", "hint": "d"}
Play = dict[str, Any]


def inventory(folder: Path) -> Path:
    (folder / "group_vars").mkdir()
    (folder / "group_vars/all.yml").write_text("nodeops_manages: [a]\nansible_connection: local\nansible_become: false\n")
    (folder / "consortium.yml").write_text(CONSORTIUM)
    return folder


def run(folder: Path, playbook: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [Path(sys.executable).with_name("ansible-playbook"), "-vv", "-i", folder / "consortium.yml", playbook, *words]
    env = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ANY_ERRORS_FATAL": "0", **environment}
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


def verb(folder: Path, name: str, output: str, code: int) -> Play:
    """Return a task that runs a stand-in for the agent's command, which prints on both streams and leaves with a code."""
    (folder / f"{name}.out").write_text(output)
    command = folder / name
    command.write_text(f"#!/bin/sh\ncat {command}.out\ncat {command}.out >&2\nexit {code}\n")
    command.chmod(0o755)
    return {"nodeops_verb": {"command": str(command), "verb": ["x"], "tolerate": [1]}, "register": name, "ignore_errors": True}


def says(text: str) -> Play:
    return {"ansible.builtin.debug": {"msg": text}}


def reports(folder: Path) -> Play:
    """Two verbs: one leaves with a code that is an answer too, one is a hostile host's."""
    tasks = [
        verb(folder, "tolerated", json.dumps({"findings": [FINDING], "said": ["it begins", HOSTILE]}), 1),
        verb(folder, "hostile", HOSTILE, 3),
    ]
    told = says("report: {{ tolerated.failures | join(' ') }} of {{ tolerated.rc }}, failed {{ tolerated.failed }}")
    return {"hosts": "n-1", "gather_facts": False, "tasks": [*tasks, told]}


def genesis_text_of(folder: Path) -> str:
    made = make_genesis(load_consortium(folder), {"n-1": identity_of("n-1", "a")}, "2026-01-31T08:00:00Z")
    return genesis_text(made.model_copy(update={"app_hash": "AB"}))


def gathers(folder: Path) -> Play:
    """An unusual genesis: first no host holds it, then ours does."""
    (folder / "identities").mkdir()
    for number in range(1, 5):
        name = f"n-{number}"
        (folder / f"identities/{name}.yml").write_text(identity_text(identity_of(name, "a"), 1))
    text = genesis_text_of(folder)
    (folder / "genesis.json").write_text(text)
    shown = identity_of("n-1", "a").model_dump(mode="json")
    tasks = []
    for register, digest in (("strange", None), ("held", content_digest(text.encode()))):
        arguments = {"inventory": str(folder), "identities": {"n-1": {**shown, "genesis_digest": digest}}}
        tasks.append({"nodeops_gather": arguments, "register": register, "ignore_errors": True})
    told = says("strange {{ strange.failed }} {{ strange.msg }} held {{ held.failed }}")
    return {"hosts": "n-1", "gather_facts": False, "tasks": [*tasks, told]}


def limited() -> Play:
    """The role's variables as in a run with a limit."""
    elsewhere = [
        {"item": "n-1", "answer": {"node_id": "one", "genesis_digest": "d"}},
        {"item": "n-3", "answer": {}, "failed": True},
        {"item": "n-4", "unreachable": True},
    ]
    variables = {
        "__ledger_identity": {"answer": {"node_id": "two", "genesis_digest": None}},
        "__ledger_published": {"findings": [{"id": "genesis-digest"}, {"id": "genesis-unusual"}]},
        "__ledger_elsewhere": {"results": elsewhere},
    }
    tasks = [
        {"ansible.builtin.set_fact": {"__ledger_identity": "{{ __ledger_identity }}"}},
        says("asks {{ _ledger_elsewhere }} {{ _ledger_unusual }}"),
        says("hears {{ _ledger_identities | dict2items | map(attribute='value.node_id') | sort }}"),
    ]
    files = [str(ROOT / "roles/ledger" / name / "main.yml") for name in ("defaults", "vars")]
    return {"hosts": "n-2", "gather_facts": False, "vars_files": files, "vars": variables, "tasks": tasks}


@dataclass(frozen=True)
class Shown:
    """What a run printed, once with and without the colours' own sequences, and the genesis it was about."""

    whole: str
    plain: str
    genesis: str


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = inventory(tmp_path_factory.mktemp("inventory"))
    (folder / "consortium.yml").write_text(CONSORTIUM + WITNESSES)
    (folder / "play.yml").write_text(json.dumps([reports(folder), gathers(folder), limited()]))
    done = run(folder, folder / "play.yml", ANSIBLE_NOCOLOR="0", ANSIBLE_FORCE_COLOR="1")
    whole = done.stdout + done.stderr
    assert done.returncode == 0, whole
    return Shown(whole, re.sub(r"\x1b\[[0-9;]*m", "", whole).replace("'", ""), genesis_text_of(folder))


@slow
def test_a_wrong_inventory_is_said_once_in_our_words(tmp_path: Path) -> None:
    folder = inventory(tmp_path)
    (folder / "consortium.yml").write_text(CONSORTIUM.replace("duty:", "dutty:").replace("v0.38.21", "latest"))
    done = run(folder, ROOT / "playbooks/verify.yml")
    assert done.returncode != 0
    for said in ("consortium.yml:3: ledger.version", "consortium.yml:6: nodes.n-1.dutty: unknown key"):
        assert (done.stdout + done.stderr).count(said) == 1
    assert "pydantic" not in done.stdout + done.stderr


@slow
def test_a_tolerated_code_is_an_answer_and_its_report_is_shown(shown: Shown) -> None:
    assert "report: a: b (expected c). d of 1, failed False" in shown.plain
    assert "n-1: it begins\nn-1: broken " in shown.plain
    assert "Unknown error" not in shown.plain


@slow
def test_what_a_hostile_host_sends_does_not_steer_the_terminal(shown: Shown) -> None:
    assert [one for one in STEERING if one in shown.whole] == []
    assert ("hidden" in shown.whole, "\x1b[0;31m" in shown.whole) == (True, True)


@slow
def test_an_unusual_genesis_is_refused_or_shown_with_the_digest_to_compare(shown: Shown) -> None:
    assert re.search(r"strange True .*app_hash is AB,  is usual.*held False", shown.plain, re.DOTALL)
    assert "[WARNING]: genesis-unusual" in shown.plain
    assert f"genesis.json has SHA-256 {hashlib.sha256(shown.genesis.encode()).hexdigest()}" in shown.plain


@slow
def test_a_run_with_a_limit_asks_the_others_for_the_genesis_they_hold(shown: Shown) -> None:
    assert ("asks [n-1, n-3, n-4] True" in shown.plain, "hears [one, two]" in shown.plain) == (True, True)


@slow
def test_a_host_whose_node_left_is_known_as_the_revision_before_made_it(tmp_path):
    folder = inventory(tmp_path)
    (folder / "revisions").mkdir()
    (folder / "revisions/1.yml").write_text(CONSORTIUM + WITNESSES)
    (folder / "consortium.yml").write_text(CONSORTIUM.replace("revision: 1", "revision: 2"))
    document = {"nodeops_document": {"inventory": str(folder), "node": "n-3"}, "register": "left"}
    told = says("members {{ groups.nodes | join(' ') }}, left {{ groups.leavers | join(' ') }}, in a {{ groups.a | join(' ') }}")
    made = says("made by {{ left.document.revision }} at {{ left.document.node.address }}")
    (folder / "p.yml").write_text(json.dumps([{"hosts": "n-3", "gather_facts": False, "tasks": [document, told, made]}]))
    done = run(folder, folder / "p.yml")
    assert "members n-1, left n-2 n-3 n-4, in a n-1" in done.stdout, done.stdout + done.stderr
    assert "made by 1 at 192.0.2.3" in done.stdout


DEAD = ("--limit", "n-1", "-e", '{"restore_because": "seen burnt", "restore_identity": "/nowhere"}')
ROTATED = ("-e", "rotate_key=node", "-e", "rotate_name=n-1")
REFUSED = {
    "a host is replaced by nobody": ("replace.yml", ("--limit", "n-1"), "why its old host is dead. Nothing was changed."),
    "two at once": ("replace.yml", DEAD[2:], "the one node, the SSH key of an admin"),
    "an archive that is not there": ("replace.yml", DEAD, "custody/n-1.age"),
    "no key is named": ("rotate.yml", ROTATED[2:], "rotate_key=node|record|validator|organisation"),
    "another word": ("rotate.yml", ("-e", "rotate_key=peers", *ROTATED[2:]), "rotate_key=node|record|validator|organisation"),
    "a part of our nodes": ("rotate.yml", ("--limit", "n-1", *ROTATED), "without --limit"),
    "a ledger that asks nobody": ("rotate.yml", ROTATED, "cometbft cannot ask organisations for their votes"),
}


@slow
@pytest.mark.parametrize(("playbook", "words", "said"), REFUSED.values(), ids=REFUSED)
def test_nothing_is_replaced_before_it_is_said_what_and_why(
    tmp_path: Path, playbook: str, words: tuple[str, ...], said: str
) -> None:
    folder = inventory(tmp_path)
    (folder / "consortium.yml").write_text(CONSORTIUM + WITNESSES)
    (folder / "identities").mkdir()
    (folder / "identities/n-1.yml").write_text(identity_text(identity_of("n-1", "a"), 1))
    done = run(folder, ROOT / "playbooks" / playbook, *words)
    assert done.returncode != 0
    assert said in " ".join((done.stdout + done.stderr).split()), done.stdout + done.stderr
    assert "changed=1" not in done.stdout

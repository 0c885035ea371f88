"""What a person sees of Ansible, run for real on hosts that are this machine: wrong inventories, hostile answers, reports."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodeops.document.load import load_consortium
from nodeops.ledger.founding.gather_plan import identity_text
from nodeops.ledger.founding.genesis import content_digest, genesis_text, make_genesis
from tests.contract.rules.tree import ROOT
from tests.unit.ledger.made_keys import identity_of

CONSORTIUM = """\
consortium: c
revision: 1
ledger: {platform: cometbft, version: v0.38.21, chain: c-1}
organisations: {a: {}}
nodes:
  n-1: {organisation: a, duty: validator, address: 192.0.2.1}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("nodeops_manages: [a]\nansible_connection: local\nansible_become: false\n")
    (tmp_path / "consortium.yml").write_text(CONSORTIUM)
    return tmp_path


def play(inventory: Path, playbook: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory / "consortium.yml", playbook, *words]
    env = {**os.environ, "ANSIBLE_NOCOLOR": "1", **environment}
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


def verb(inventory: Path, output: str, code: int) -> Path:
    """Write a stand-in for the agent's command that prints its output on both streams and leaves with a code."""
    (inventory / "output").write_text(output)
    command = inventory / "nodeops"
    command.write_text(f"#!/bin/sh\ncat {inventory}/output\ncat {inventory}/output >&2\nexit {code}\n")
    command.chmod(0o755)
    return command


def playbook(inventory: Path, command: Path) -> Path:
    tasks = [{"nodeops_verb": {"command": str(command), "verb": ["x"], "tolerate": [1]}, "register": "said"}]
    told = {"ansible.builtin.debug": {"msg": "report: {{ said.failures | join(' ') }} of {{ said.rc }}"}}
    file = inventory / "play.yml"
    file.write_text(json.dumps([{"hosts": "nodes", "gather_facts": False, "tasks": [*tasks, told]}]))
    return file


def test_a_wrong_inventory_is_said_once_in_our_words(inventory: Path) -> None:
    (inventory / "consortium.yml").write_text(CONSORTIUM.replace("duty:", "dutty:").replace("v0.38.21", "latest"))
    done = play(inventory, ROOT / "playbooks/verify.yml")
    assert done.returncode != 0
    for said in ("consortium.yml:3: ledger.version", "consortium.yml:6: nodes.n-1.dutty: unknown key"):
        assert (done.stdout + done.stderr).count(said) == 1
    assert "pydantic" not in done.stdout + done.stderr


def test_a_tolerated_code_is_an_answer_and_its_report_is_shown(inventory: Path) -> None:
    finding = {"id": "a", "verdict": "fail", "actual": "b", "expected": "c", "hint": "d"}
    command = verb(inventory, json.dumps({"findings": [finding]}), 1)
    done = play(inventory, playbook(inventory, command))
    assert (done.returncode, "report: a: b (expected c). d of 1" in done.stdout) == (0, True), done.stdout


HOSTILE = "broken \x1b]0;owned\x07\x1b[2J\x1b[8mhidden\u202e\x9b2J\n"


def test_what_a_hostile_host_sends_does_not_steer_the_terminal(inventory: Path) -> None:
    file = playbook(inventory, verb(inventory, HOSTILE, 3))
    done = play(inventory, file, "-vv", ANSIBLE_NOCOLOR="0", ANSIBLE_FORCE_COLOR="1")
    shown = done.stdout + done.stderr
    assert ("hidden" in shown, "Unknown error" in shown) == (True, False)
    assert [one for one in STEERING if one in shown] == []
    assert "\x1b[0;31m" in shown


STEERING = ("\x1b]", "\x1b[2J", "\x1b[8m", "\x07", "\u202e", "\x9b")


LIMITED = {
    "hosts": "n-2",
    "gather_facts": False,
    "vars_files": [str(ROOT / "roles/ledger/vars/main.yml")],
    "vars": {
        "__ledger_identity": {"answer": {"node_id": "two", "genesis_digest": None}},
        "__ledger_published": {"findings": [{"id": "genesis-digest"}, {"id": "genesis-unusual"}]},
        "__ledger_elsewhere": {
            "results": [
                {"item": "n-1", "answer": {"node_id": "one", "genesis_digest": "d"}},
                {"item": "n-3", "answer": {}, "failed": True},
                {"item": "n-4", "unreachable": True},
            ]
        },
    },
    "tasks": [
        {"ansible.builtin.set_fact": {"__ledger_identity": "{{ __ledger_identity }}"}},
        {"ansible.builtin.debug": {"msg": "asks {{ _ledger_elsewhere }} {{ _ledger_unusual }}"}},
        {"ansible.builtin.debug": {"msg": "hears {{ _ledger_identities | dict2items | map(attribute='value.node_id') | sort }}"}},
    ],
}


def test_a_run_with_a_limit_asks_the_others_for_the_genesis_they_hold(inventory: Path) -> None:
    nodes = "".join(f"  n-{n}: {{organisation: a, duty: witness, address: 192.0.2.{n}}}\n" for n in range(2, 5))
    (inventory / "consortium.yml").write_text(CONSORTIUM + nodes)
    (inventory / "play.yml").write_text(json.dumps([LIMITED]))
    done = play(inventory, inventory / "play.yml")
    said = done.stdout.replace("'", "")
    assert ("asks [n-1, n-3, n-4] True" in said, "hears [one, two]" in said) == (True, True), done.stdout + done.stderr


def gathering(inventory: Path, genesis_digest: str | None) -> subprocess.CompletedProcess[str]:
    """Run the task that gathers, where n-1 shows its identity and which genesis it holds."""
    shown = {**identity_of("n-1", "a").model_dump(mode="json"), "genesis_digest": genesis_digest}
    task = {"nodeops_gather": {"inventory": str(inventory), "identities": {"n-1": shown}}}
    (inventory / "play.yml").write_text(json.dumps([{"hosts": "n-1", "gather_facts": False, "tasks": [task]}]))
    return play(inventory, inventory / "play.yml")


def test_an_unusual_genesis_is_refused_or_shown_with_the_digest_to_compare(inventory: Path) -> None:
    (inventory / "identities").mkdir()
    (inventory / "identities/n-1.yml").write_text(identity_text(identity_of("n-1", "a"), 1))
    made = make_genesis(load_consortium(inventory), {"n-1": identity_of("n-1", "a")}, "2026-01-31T08:00:00Z")
    text = genesis_text(made.model_copy(update={"app_hash": "AB"}))
    (inventory / "genesis.json").write_text(text)
    done = gathering(inventory, None)
    assert (done.returncode, "app_hash is 'AB', '' is usual" in done.stdout + done.stderr) == (2, True)
    done = gathering(inventory, content_digest(text.encode()))
    assert (done.returncode, "[WARNING]: genesis-unusual" in done.stderr) == (0, True), done.stdout + done.stderr
    assert f"genesis.json has SHA-256 {hashlib.sha256(text.encode()).hexdigest()}" in done.stdout

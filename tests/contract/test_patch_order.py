"""Patching begins where no vote is lost, ends at the first failure: the plays of the playbook itself, as Ansible reads them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.contract.rules.tree import ROOT, yaml
from tests.tiers import slow

DUTIES = {"a-2": "validator", "a-1": "validator", "w-2": "witness", "w-1": "witness", "repository": "", "monitor": ""}
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
PLAIN = ["monitor", "repository"]
CASES = {"": [*PLAIN, "w-1", "w-2", "a-1", "a-2"], "w-2": [*PLAIN, "w-1", "w-2"], "monitor": ["monitor"]}


@slow
@pytest.mark.parametrize(("failing", "turns"), CASES.items())
def test_hosts_without_a_ledger_come_first_then_witnesses_and_the_first_that_fails_is_the_last(
    tmp_path: Path, failing: str, turns: list[str]
):
    plays = yaml(ROOT / "playbooks/patch.yml")[1:]
    key = yaml(ROOT / "roles/patch/tasks/plan.yml")[1]["ansible.builtin.group_by"]["key"]
    document = "{{ {'node': {'duty': duty}} if duty | default('') else {'host': {}} }}"
    note = {"ansible.builtin.group_by": {"key": key}, "vars": {"node_document": document}}
    first = {"name": "Note", "hosts": "all", "gather_facts": False, "tasks": [note]}
    say = {"ansible.builtin.debug": {"msg": "turn of {{ ansible_play_batch | join(' ') }}."}}
    end = {"ansible.builtin.assert": {"that": f"inventory_hostname != '{failing}'"}}
    with (tmp_path / "play.yml").open("w") as file:
        YAML().dump([first, *({**play, "become": False, "tasks": [say, end]} for play in plays)], file)
    (tmp_path / "hosts").write_text("".join(f"{name} duty='{duty}' ansible_connection=local\n" for name, duty in DUTIES.items()))
    words = [ANSIBLE, "-i", tmp_path / "hosts", tmp_path / "play.yml"]
    environment = {"ANSIBLE_INVENTORY_ENABLED": "ini", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert re.findall(r"turn of ([\w-]+)\.", done.stdout) == turns, done.stdout + done.stderr
    assert (done.returncode == 0) == (not failing)

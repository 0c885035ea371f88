"""The quick ansible-lint of `make check` and `make test` finds what the plain one finds, wherever it stands."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.rules.tree import ROOT
from tests.tiers import slow

HEAD = "---\n- name: Play\n  hosts: all\n  tasks:\n"
TASK = "    - name: Say\n      ansible.builtin.debug: {msg: a}\n"
GOOD = {"playbooks/a.yml": HEAD + TASK, "playbooks/b.yml": "---\n- name: A\n  ansible.builtin.import_playbook: a.yml\n"}
# What is wrong, each in a file of its own: the syntax of a playbook and of a role, an import of nothing, a rule.
WRONG = {
    "playbooks/syntax.yml": f"{HEAD}{TASK}      no_such: key\n",
    "playbooks/import.yml": "---\n- name: B\n  ansible.builtin.import_playbook: nowhere.yml\n",
    "playbooks/rule.yml": HEAD + TASK.replace("name: Say", "name: say"),
    "roles/one/tasks/main.yml": "---\n- name: Say\n  ansible.builtin.debug: {msg: a}\n  ansible.builtin.shell: ls\n",
}


@slow
@pytest.mark.parametrize(("files", "places"), [(GOOD, []), (GOOD | WRONG, [*WRONG])], ids=["nothing", "everything"])
def test_what_is_wrong_is_found_and_named(plant, files, places):
    root: Path = plant(files)
    subprocess.run(["git", "init", "--quiet", root], check=True)
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(root), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "tests.ansible_lint"]
    done = subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == (not places), said
    assert [place for place in places if place not in said] == []

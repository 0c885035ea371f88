"""The quick ansible-lint of `make check` finds what the plain one finds, wherever it stands."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.rules.tree import ROOT
from tests.tiers import slow

HEAD = "---\n- name: Play\n  hosts: all\n  tasks:\n"
TASK = "    - name: Say\n      ansible.builtin.debug: {msg: a}\n"
WRONG = "- name: Say\n  ansible.builtin.debug: {msg: a}\n  ansible.builtin.shell: ls\n"
TREES = {
    "nothing": ({"playbooks/a.yml": HEAD + TASK}, ""),
    "a playbook": ({"playbooks/a.yml": f"{HEAD}{TASK}      no_such: key\n", "playbooks/b.yml": HEAD + TASK}, "playbooks/a.yml"),
    "a role": ({"roles/one/tasks/main.yml": f"---\n{WRONG}", "playbooks/b.yml": HEAD + TASK}, "roles/one/tasks/main.yml"),
    "an import": ({"playbooks/a.yml": "---\n- name: B\n  ansible.builtin.import_playbook: b.yml\n"}, "playbooks/a.yml"),
    "a rule": ({"playbooks/a.yml": HEAD + TASK.replace("name: Say", "name: say")}, "playbooks/a.yml"),
}


@slow
@pytest.mark.parametrize(("files", "place"), TREES.values(), ids=TREES)
def test_what_is_wrong_is_found_and_named(plant, files, place):
    root: Path = plant(files)
    subprocess.run(["git", "init", "--quiet", root], check=True)
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(root), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "tests.ansible_lint"]
    done = subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode == 0) == (not place), done.stdout + done.stderr
    assert place in done.stdout + done.stderr

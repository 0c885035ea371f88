"""The role log_host on hosts that chose differently, its own tasks run for real on hosts that are this machine."""

import json
from pathlib import Path

import pytest
import yaml

from tests.contract.rules.tree import ROOT
from tests.tiers import slow
from tests.unit.plugins.test_playbooks import CONSORTIUM, inventory, run, says

ROLE = ROOT / "roles/log_host"
MORE = """\
  n-2: {organisation: a, duty: validator, address: 192.0.2.2}
monitors:
  m-1: {organisation: a, address: 192.0.2.9}
"""
NAMED = {"nodeops_choices": {"hardening": {"log_hosts": ["m-1"]}}}
KEPT = "Keep the certificates of nodes and of log hosts beside the consortium file"


@slow
@pytest.mark.parametrize("alone", ["n-1", "m-1"])
def test_a_host_whose_own_choices_name_no_log_host_speaks_for_no_other(tmp_path: Path, alone: str) -> None:
    folder = inventory(tmp_path)
    (folder / "consortium.yml").write_text(CONSORTIUM + MORE)
    (folder / "host_vars").mkdir()
    for name in {"n-1", "n-2", "m-1"} - {alone}:
        (folder / f"host_vars/{name}.yml").write_text(json.dumps(NAMED))
    (task,) = [one for one in yaml.safe_load((ROLE / "tasks/main.yml").read_text()) if one["name"] == KEPT]
    told = says("{{ inventory_hostname }} knows {{ __log_host_known.missing | default(['nothing']) | join(' ') }}")
    tasks = [{"ansible.builtin.import_tasks": str(ROOT / "playbooks/tasks/document.yml")}, task, told]
    play = {"hosts": "nodes:monitors", "gather_facts": False, "vars_files": [str(ROLE / "vars/main.yml")], "tasks": tasks}
    (folder / "play.yml").write_text(json.dumps([play]))
    done = run(folder, folder / "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("n-1", "n-2", "m-1"):
        assert f"{name} knows m-1 n-1 n-2" in done.stdout

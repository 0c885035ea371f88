"""Which revision is in force, asked of nodes for hosts that run no ledger: also while the node that is asked is down."""

import json
from pathlib import Path

import pytest

from tests.contract.rules.tree import ROOT
from tests.tiers import slow
from tests.unit.plugins.test_playbooks import CONSORTIUM, inventory, run, says

ADMIN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaMrjrgTxzEKXGUBqJNtFl6vFaOV0gOZZk1eFCgqJ3h admin"
MONITOR = "monitors:\n  m-1: {organisation: a, address: 192.0.2.9}\n"
ONE = CONSORTIUM.replace("{a: {}}", f"{{a: {{admins: [{ADMIN}]}}}}")
AGREED = ONE.replace("revision: 1", "revision: 1\nthreshold: 1") + MONITOR
NOWHERE = "ansible_connection: ssh\nansible_host: 127.0.0.1\nansible_port: 1\nansible_ssh_common_args: -o BatchMode=yes\n"


@slow
@pytest.mark.parametrize(("hosts", "goes_on"), [("monitors", True), ("nodes", False)])
def test_a_monitor_is_looked_after_while_the_node_that_is_asked_for_it_is_down(tmp_path: Path, hosts: str, goes_on: bool) -> None:
    """What was kept here as in force decides then. A node itself that cannot be reached ends the run, as everywhere."""
    folder = inventory(tmp_path)
    (folder / "consortium.yml").write_text(AGREED)
    (folder / "revisions").mkdir()
    (folder / "revisions/1.yml").write_text(AGREED)
    (folder / "host_vars").mkdir()
    (folder / "host_vars/n-1.yml").write_text(NOWHERE)
    tasks = [{"ansible.builtin.import_tasks": str(ROOT / "playbooks/tasks/agreed.yml")}, says("it goes on")]
    play = {"hosts": hosts, "gather_facts": False, "any_errors_fatal": True, "tasks": tasks}
    (folder / "play.yml").write_text(json.dumps([play]))
    done = run(folder, folder / "play.yml")
    assert (done.returncode == 0, "it goes on" in done.stdout) == (goes_on, goes_on), done.stdout + done.stderr
    assert "UNREACHABLE" in done.stdout + done.stderr


def test_who_is_ignored_while_down_does_not_end_a_run_by_any_errors_fatal() -> None:
    files = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").glob("*/tasks/*.yml")]
    tasks = [task for file in files for task in file.read_text().split("\n\n") if "ignore_unreachable:" in task]
    assert tasks
    assert [task for task in tasks if "ignore_errors:" not in task] == []

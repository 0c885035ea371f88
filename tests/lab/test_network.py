"""The seven nodes of the lab, for real: install, install again, verify, lose two, lose a third, come back, take the tour.

The tests of this module are steps of one story and run in the order they are written.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from nodeops.document.load import load_consortium
from nodeops.hardening.controls.catalogue import catalogue
from tests import collection
from tests.contract.rules.tree import ROOT
from tests.lab.conftest import FOLDER, LAB_SECONDS, LabHosts, down
from tests.tiers import sizes

NAME, SUBNET = "network", "172.30.71"
# What a second run of site.yml may ask of a host: a task that does nothing costs seconds all the same.
MOST_TASKS = 47
# Roles of the collection by their full names, as a playbook of someone else uses them.
FOREIGN = """
- hosts: nodes
  become: true
  gather_facts: false
  tasks:
    - nodeops.nodeops.nodeops_document:
        inventory: "{{ nodeops_inventory }}"
        node: "{{ inventory_hostname }}"
        choices: "{{ nodeops_choices }}"
      register: resolved
    - ansible.builtin.set_fact:
        node_document: "{{ resolved.document }}"
    - ansible.builtin.import_role: {name: nodeops.nodeops.host, tasks_from: preflight}
    - ansible.builtin.import_role: {name: nodeops.nodeops.agent, tasks_from: prepare}
    - ansible.builtin.import_role: {name: nodeops.nodeops.host}
    - ansible.builtin.import_role: {name: nodeops.nodeops.agent}
    - ansible.builtin.import_role: {name: nodeops.nodeops.firewall}
"""
PATIENCE_SECONDS = 300
# Topics of hardening that bring packages, most of its time, or build on them; and who waives them: all but a node of each release
# and the monitor that keeps their logs. In full nobody does. Hardening itself is what molecule/hardening is about.
TOPICS = ("apt", "audit-rules", "logging", "packages", "pam")
WAIVING = sizes(("cu-2", "wanxiang-blockchain", "wanxiang-institute"), ())


@pytest.fixture(scope="module", params=WAIVING, ids=["three hosts hardened in full", "all hardened in full"])
def seven(request: pytest.FixtureRequest) -> Iterator[LabHosts]:
    """The lab inventory of the project under another name, in a network of its own, without repositories."""
    folder = FOLDER / NAME
    down(folder)
    leave = shutil.ignore_patterns(".lab", "ssh_config", "identities", "genesis.json")
    shutil.copytree(ROOT / "inventories/lab", folder, ignore=leave)
    for file in (folder / "consortium.yml", folder / "lab.yml", folder / "group_vars/all.yml"):
        lines = file.read_text(encoding="utf-8").replace("172.30.0.", f"{SUBNET}.").splitlines(keepends=True)
        # Of the hosts that run no ledger the monitor is enough here: each is hardened for minutes.
        text = "".join(line for line in lines if "repo" not in line)
        file.write_text(text.replace("lab: demo", f"lab: {NAME}"), encoding="utf-8")
    (folder / "waivers.yml").write_text(waivers(request.param), encoding="utf-8")
    lab = LabHosts(NAME, folder, tuple(sorted(load_consortium(folder).nodes)))
    lab.answer("lab", "up")
    yield lab
    down(folder)


def waivers(scopes: Sequence[str]) -> str:
    """Return a waivers.yml by which hosts, or those of organisations, leave TOPICS out for a month."""
    expires = datetime.now(UTC).date() + timedelta(days=30)
    names = [name for name in catalogue() if name.partition(".")[0] in TOPICS]
    row = {"owner": "this test", "reason": "packages are installed for minutes"}
    rows = [{"control": name, "scope": scope, **row, "expires": expires} for scope in scopes for name in names]
    return yaml.safe_dump({"waivers": rows})


def reloads(lab: LabHosts) -> dict[str, str]:
    """Return how often systemd has read its units anew on each host."""
    line = "sudo journalctl --sync; sudo journalctl --boot --quiet --output cat _PID=1 | grep -c '^Reloading'"
    return {node: lab.ssh(node, line).stdout for node in lab.nodes}


def changed_counts(recap: str) -> dict[str, int]:
    found = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0", recap, re.M)
    return {name: int(count) for name, count in found}


def every(lab: LabHosts) -> set[str]:
    """Return all hosts of the inventory: those that run no ledger are guarded, too."""
    found = load_consortium(lab.inventory)
    return {*found.nodes, *found.monitors, *found.repositories}


def fleet_status(lab: LabHosts) -> tuple[int, Any]:
    done = lab.nodeops("fleet", "status", "--json")
    return done.returncode, json.loads(done.stdout)


def until(lab: LabHosts, chain: str, code: int, live: int, looks: int = 1) -> Any:
    """Return the fleet's view of the network once it says so in so many looks in a row; fail when it does not get there."""
    deadline, agreed = time.monotonic() + PATIENCE_SECONDS, 0
    while True:
        exit_code, answer = fleet_status(lab)
        network = answer["network"]
        agreed = agreed + 1 if (network["chain"], exit_code, network["live_power"]) == (chain, code, live) else 0
        if agreed == looks:
            return network
        assert time.monotonic() < deadline, f"exit code {exit_code}: {network['summary']}"
        # Each look is seven logins: asked all the time, they would take the cores from those who are waited for.
        time.sleep(2)


def systemctl(lab: LabHosts, action: str, *nodes: str) -> None:
    for node in nodes:
        assert lab.ssh(node, f"sudo systemctl {action} ledger.service").returncode == 0


def test_site_installs_all_and_a_second_run_changes_nothing(seven: LabHosts) -> None:
    assert seven.ssh("cu-1", "sudo apt-get purge -y -qq ca-certificates").returncode == 0
    first = seven.play("site.yml")
    assert first.returncode == 0, first.stdout + first.stderr
    assert seven.ssh("cu-1", "dpkg-query -W -f '${db:Status-Status}' ca-certificates").stdout == "installed"
    assert set(changed_counts(first.stdout)) == every(seven)
    before = reloads(seven)
    second = seven.play("site.yml")
    assert second.returncode == 0, second.stdout + second.stderr
    assert changed_counts(second.stdout) == dict.fromkeys(every(seven), 0)
    assert second.stdout.count("\nTASK [") <= MOST_TASKS
    assert reloads(seven) == before


def test_a_tag_runs_its_part_and_a_mistyped_one_is_refused(seven: LabHosts) -> None:
    done = seven.play("site.yml", "--tags", "firewall", "--limit", "cu-1")
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"^TASK \[(\w+) : (?!Validating)", done.stdout, re.M)
    assert set(ran) == {"host", "agent", "firewall"}
    for options in (("--tags", "firewall,untagged"), ("--skip-tags", "hardning")):
        wrong = seven.play("site.yml", *options)
        assert wrong.returncode != 0
        assert "Allowed: host, agent, firewall, log_host, hardening, disk, ledger, exporter, mesh" in wrong.stdout
        assert "Resolve the node document" not in wrong.stdout


def test_the_live_network_is_what_the_file_says(seven: LabHosts) -> None:
    done = seven.play("playbooks/verify.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 7 nodes were asked" in done.stdout
    done = seven.play("playbooks/verify.yml", "--limit", "cu-1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 7 nodes were asked (cu-1)" in done.stdout


def test_the_collection_finds_nothing_to_do_where_the_checkout_was_at_work(seven: LabHosts, tmp_path: Path) -> None:
    """Someone else's playbook and the archive's own: the same files, the same agent, nothing changed."""
    package = collection.install(collection.build(ROOT, tmp_path / "archive"), tmp_path)
    (tmp_path / "play.yml").write_text(FOREIGN, encoding="utf-8")
    inventory = ("-i", str(seven.inventory / "consortium.yml"), "--limit", "cu-1")
    # The package that comes with the archive, before the one of the checkout; built trees are those of the tests before.
    environment = {"PYTHONPATH": str(package), "HOME": str(Path.home())}
    for playbook in (("play.yml",), ("nodeops.nodeops.site", "--tags", "disk"), ("nodeops.nodeops.verify",)):
        words = ("ansible-playbook", *inventory, *playbook)
        done = collection.run(*words, cwd=tmp_path, environment=environment, seconds=LAB_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert changed_counts(done.stdout) == {"cu-1": 0}


def test_two_validators_may_stop(seven: LabHosts) -> None:
    systemctl(seven, "stop", "cu-1", "wx-2")
    network = until(seven, "running", 1, live=5)
    assert network["margin"] == 0


def test_verify_says_that_nodes_are_missing(seven: LabHosts) -> None:
    done = seven.play("playbooks/verify.yml")
    assert done.returncode != 0
    assert "cu-1" in done.stdout


def test_a_third_halts_the_chain(seven: LabHosts) -> None:
    systemctl(seven, "stop", "wi-1")
    network = until(seven, "halted", 1, live=4)
    assert "HALTED" in network["summary"].upper()
    _, later = fleet_status(seven)
    assert later["network"]["height"] == network["height"]


def test_starting_them_again_resumes(seven: LabHosts) -> None:
    systemctl(seven, "start", "cu-1", "wx-2", "wi-1")
    until(seven, "running", 0, live=7)


def test_a_dead_host_is_shown_and_delays_nothing_else(seven: LabHosts) -> None:
    seven.answer("lab", "stop", "cu-2", "--kill")
    try:
        _, answer = fleet_status(seven)
        states = {name: node["state"] for name, node in answer["nodes"].items()}
        assert states == {name: "dead" if name == "cu-2" else "running" for name in seven.nodes}
    finally:
        seven.answer("lab", "start", "cu-2")
    # A host that has just booted may be late with a vote or two.
    until(seven, "running", 0, live=7, looks=4)


def test_a_record_changed_on_another_organisations_node_fails(seven: LabHosts) -> None:
    done = seven.nodeops("lab", "tour")
    assert done.returncode == 0, done.stdout + done.stderr
    # Taken again, it finds its records there.
    record = sorted((seven.inventory / "records").glob("*.csv"))[0].name
    again = seven.ssh("cu-1", f"sudo nodeops record add {record}")
    assert (again.returncode, "already on the ledger" in again.stdout) == (0, True), again.stdout + again.stderr


def test_two_of_three_organisations_change_a_validators_power(seven: LabHosts) -> None:
    before = until(seven, "running", 0, live=7)["live_power"]
    done = seven.nodeops("lab", "vote")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in force: revision 2" in done.stdout
    until(seven, "running", 0, live=before + 1)


def test_a_killed_node_comes_back_with_its_identity(seven: LabHosts) -> None:
    before = json.loads(seven.ssh("wi-2", "sudo nodeops ledger identity --json").stdout)
    seven.ssh("wi-2", "sudo systemctl kill --signal=KILL ledger.service")
    until(seven, "running", 0, live=8)
    assert json.loads(seven.ssh("wi-2", "sudo nodeops ledger identity --json").stdout) == before

"""Faults of a lab on real hosts: each does what it says and nothing else, and goes away by itself or when it is told to."""

import json
from collections.abc import Callable

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tests.lab.conftest import LabHosts

DISK = "/var/log/ledger"
LONG = ("--for", "600")


@pytest.fixture(scope="module")
def lab(inventory_of: Callable[..., LabHosts]) -> LabHosts:
    made = inventory_of("t-faults", "172.30.95", releases=("debian12", "debian13", "debian12"))
    file = made.inventory / "lab.yml"
    content = json.loads(file.read_text())
    content["hosts"][made.nodes[0]]["filesystems"] = {DISK: "64M"}
    file.write_text(json.dumps(content))
    made.answer("lab", "up")
    return made


def heard(lab: LabHosts, node: str, peer: str) -> bool:
    """Tell whether a node connects to a peer's SSH within a second."""
    address = f"172.30.95.{11 + lab.nodes.index(peer)}"
    line = f"python3 -c 'import socket as s; s.create_connection((\"{address}\", 22), 1)'"
    return lab.ssh(node, line).returncode == 0


def until(found: Callable[[], bool]) -> None:
    Retrying(retry=retry_if_result(lambda well: not well), stop=stop_after_delay(60), wait=wait_fixed(0.5))(found)


def test_a_cut_is_between_two_and_ends_by_itself(lab: LabHosts) -> None:
    one, other, third = lab.nodes
    assert heard(lab, one, other)
    made = lab.answer("lab", "fault", "cut", one, other, "--for", "8")
    assert [change["what"] for change in made["changes"]] == [f"host {one}", f"host {other}"]
    assert not heard(lab, one, other)
    assert not heard(lab, other, one)
    assert heard(lab, one, third)
    until(lambda: heard(lab, one, other))
    assert lab.answer("lab", "fault", "clear")["ended"] == 0


def test_an_isolated_host_reaches_nobody_and_the_controller_reaches_it(lab: LabHosts) -> None:
    one, other, _ = lab.nodes
    lab.answer("lab", "fault", "isolate", one, *LONG)
    assert not heard(lab, one, other)
    assert not heard(lab, other, one)
    assert lab.ssh(one, "true").returncode == 0
    assert lab.answer("lab", "fault", "clear", one)["ended"] == 1
    assert heard(lab, one, other)


def test_some_of_what_arrives_is_lost_and_what_is_sent_is_held_to_a_rate(lab: LabHosts) -> None:
    one, _, third = lab.nodes
    lab.answer("lab", "fault", "loss", one, "100", *LONG)
    assert not heard(lab, third, one)
    lab.answer("lab", "fault", "clear", one)
    assert heard(lab, third, one)
    lab.answer("lab", "fault", "rate", one, "64", *LONG)
    assert "tbf" in lab.ssh(one, "sudo tc qdisc show dev eth0").stdout
    lab.answer("lab", "fault", "clear", one)
    assert "tbf" not in lab.ssh(one, "sudo tc qdisc show dev eth0").stdout


def test_a_filesystem_of_its_own_is_filled_and_the_machines_is_refused(lab: LabHosts) -> None:
    one, other, _ = lab.nodes
    lab.answer("lab", "fault", "fill", one, DISK, *LONG)
    assert lab.ssh(one, f"df --output=avail {DISK} | tail -1").stdout.strip() == "0"
    lab.answer("lab", "fault", "clear", one)
    assert lab.ssh(one, f"df --output=avail {DISK} | tail -1").stdout.strip() != "0"
    refused = lab.nodeops("lab", "fault", "fill", other, "/var/log")
    assert refused.returncode == 3
    assert "has no filesystem of its own" in refused.stderr
    lab.answer("lab", "fault", "clear", other)


def test_a_dry_run_makes_nothing_and_a_wrong_name_is_refused(lab: LabHosts) -> None:
    one, other, _ = lab.nodes
    assert lab.answer("lab", "fault", "cut", one, other, "--dry-run")["changes"]
    assert heard(lab, one, other)
    wrong = lab.nodeops("lab", "fault", "cut", one, "nobody")
    assert wrong.returncode == 2
    assert "no such host: nobody" in wrong.stderr

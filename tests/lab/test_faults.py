"""Faults of a lab on real hosts: each does what it says and nothing else, and goes away by itself or when it is told to."""

import json
import shlex
import sys
from collections.abc import Callable

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tests.lab.conftest import LabHosts, command

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


CONNECTS = """
import socket, time
def took():
    began = time.monotonic(); socket.create_connection(("{address}", 22), 30).close()
    return time.monotonic() - began
print(1000 * min(took() for _ in range(5)))
"""


def connects(lab: LabHosts, peer: str) -> str:
    """Return a program that prints the milliseconds of the quickest of some connections to a peer's SSH."""
    return CONNECTS.format(address=f"172.30.95.{11 + lab.nodes.index(peer)}")


def round_trip(lab: LabHosts, node: str, peer: str) -> float:
    """Return the milliseconds of the quickest of some connections from a node to a peer's SSH."""
    done = lab.ssh(node, f"python3 -c {shlex.quote(connects(lab, peer))}")
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def until(found: Callable[[], bool]) -> None:
    Retrying(retry=retry_if_result(lambda well: not well), stop=stop_after_delay(300), wait=wait_fixed(0.5))(found)


def test_a_cut_is_between_two_and_ends_by_itself(lab: LabHosts) -> None:
    one, other, third = lab.nodes
    assert heard(lab, one, other)
    made = lab.answer("lab", "fault", "cut", one, other, "--for", "20")
    assert [change["what"] for change in made["changes"]] == [f"host {one}", f"host {other}"]
    assert not heard(lab, one, other)
    assert not heard(lab, other, one)
    assert heard(lab, one, third)
    # Whatever else asks systemd to read its units again.
    assert lab.ssh(one, "sudo systemctl daemon-reload").returncode == 0
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


def test_what_is_sent_is_slow_but_to_the_controller_and_ends_by_itself(lab: LabHosts) -> None:
    one, other, third = lab.nodes
    assert round_trip(lab, other, one) < 500
    made = lab.answer("lab", "fault", "slow", one, "500", *LONG)
    assert [change["after"] for change in made["changes"]] == ["slow by 500 ms"]
    assert round_trip(lab, other, one) >= 500
    assert round_trip(lab, one, other) >= 500
    assert round_trip(lab, other, third) < 500
    assert float(command(sys.executable, "-c", connects(lab, one)).stdout) < 500
    lab.answer("lab", "fault", "slow", one, "500", "--for", "2")
    until(lambda: round_trip(lab, other, one) < 500)
    until(lambda: lab.answer("lab", "fault", "clear")["ended"] == 0)


@pytest.mark.parametrize("number", [0, 1], ids=["debian12", "debian13"])
def test_what_is_slow_is_well_again_when_told_to_and_when_its_program_is_killed(lab: LabHosts, number: int) -> None:
    node, other = lab.nodes[number], lab.nodes[2]
    lab.answer("lab", "fault", "slow", node, "80", "--jitter", "20", *LONG)
    assert round_trip(lab, other, node) >= 60
    assert lab.answer("lab", "fault", "clear", node)["ended"] == 1
    until(lambda: round_trip(lab, other, node) < 60)
    lab.answer("lab", "fault", "slow", node, "80", *LONG)
    assert round_trip(lab, other, node) >= 80
    assert lab.ssh(node, "sudo systemctl kill --signal=KILL lab-slow.service").returncode == 0
    until(lambda: round_trip(lab, other, node) < 80)
    until(lambda: "nodeops_lab_slow" not in lab.ssh(node, "sudo nft list tables").stdout)
    assert lab.answer("lab", "fault", "clear", node)["ended"] == 1


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


def test_a_ledger_stands_still_and_goes_on_and_one_that_is_killed_comes_back(lab: LabHosts) -> None:
    node = lab.nodes[1]
    begun = "sudo systemd-run --quiet --unit=ledger --property=Restart=always --property=RestartSec=100ms sleep infinity"
    assert lab.ssh(node, begun).returncode == 0
    lab.answer("lab", "fault", "pause", node, *LONG)
    until(lambda: ledger(lab, node)[1] == "T")
    assert lab.answer("lab", "fault", "clear", node)["ended"] == 1
    until(lambda: ledger(lab, node)[1] == "S")
    before = ledger(lab, node)[0]
    lab.answer("lab", "fault", "kill", node)
    until(lambda: ledger(lab, node)[0] not in ("0", before))
    assert lab.ssh(node, "sudo systemctl stop ledger").returncode == 0


def ledger(lab: LabHosts, node: str) -> tuple[str, str]:
    """Return process number and state of a host's ledger; nothing of one that does not run."""
    number = lab.ssh(node, "systemctl show --property=MainPID --value ledger").stdout.strip()
    return number, lab.ssh(node, f"ps -o state= -p {number}").stdout.strip()


def test_a_dry_run_makes_nothing_and_a_wrong_name_is_refused(lab: LabHosts) -> None:
    one, other, _ = lab.nodes
    assert lab.answer("lab", "fault", "cut", one, other, "--dry-run")["changes"]
    assert heard(lab, one, other)
    wrong = lab.nodeops("lab", "fault", "cut", one, "nobody")
    assert wrong.returncode == 2
    assert "no such host: nobody" in wrong.stderr

"""Others' rules count, rules that vanish are seen everywhere and come back, and forged packets lock nobody out."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hosts
import pytest
from conftest import CONTROLLER, OPERATOR, STRANGER, live
from engine import container, docker
from knocks import knock_from_host

pytestmark = pytest.mark.usefixtures("restored")
NODE, PEER = hosts.NODES[0], hosts.NODES[1]
# Forged packets that open connections: from an operator's address to SSH, from a member's to P2P; no answer is ever given to.
FLOOD = """
import os, socket, struct, sys, time
target, rate = sys.argv[1], int(sys.argv[2])
ends = [(source, int(port)) for source, port in (end.split(":") for end in sys.argv[3:])]
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
sent = 0
while True:
    for source, port in ends:
        ends_packed = socket.inet_aton(source) + socket.inet_aton(target)
        tcp = struct.pack("!HHIIBBHHH", 1024 + sent % 60000, port, sent, 0, 80, 2, 64240, 0, 0)
        tcp = tcp[:16] + struct.pack("!H", checksum(ends_packed + struct.pack("!BBH", 0, 6, 20) + tcp)) + tcp[18:]
        out.sendto(struct.pack("!BBHHHBBH", 69, 0, 40, 0, 0, 64, 6, 0) + ends_packed + tcp, (target, 0))
        sent += 1
    time.sleep(len(ends) / rate)
"""


@contextmanager
def flood(rate: int, *ends: str) -> Iterator[None]:
    """Send so many forged packets a second to NODE from a stranger while the block runs."""
    image = docker("inspect", "--format", "{{.Image}}", container(NODE))
    where = ["--rm", "--label", f"nodeops.lab={hosts.LAB}", "--network", f"nodeops-{hosts.LAB}", "--ip", STRANGER]
    words = ["--cap-add", "NET_RAW", "--entrypoint", "python3", image, "-c", FLOOD, hosts.ADDRESS[NODE], str(rate), *ends]
    name = f"nodeops-{hosts.LAB}-flood"
    docker("run", "--detach", "--name", name, *where, *words)
    try:
        yield
    finally:
        docker("rm", "--force", name)


COUNT = "nft 'table inet seen { chain knocks { type filter hook input priority -5; tcp flags syn / syn,ack counter; }; }'"


def arrived() -> int:
    """Return how many packets that open a connection came to NODE since COUNT was run."""
    return int(hosts.must(NODE, "nft list table inet seen").partition("counter packets ")[2].split()[0])


@pytest.mark.parametrize("rate", [20, 500])
def test_forged_packets_of_an_operator_and_a_member_lock_neither_out(rate: int) -> None:
    hosts.must(NODE, COUNT)
    try:
        with flood(rate, f"{OPERATOR}:22", f"{CONTROLLER}:22", f"{hosts.ADDRESS[PEER]}:26656"):
            wait_for(lambda: arrived() > 200, "the flood does not arrive")
            # The kernel answers at once; what comes after takes as long as a busy host needs for a login.
            for _ in range(4):
                socket.create_connection((hosts.ADDRESS[NODE], 22), 1.5).close()
                assert hosts.ssh(NODE, "sudo true", new=True).returncode == 0
            end = f"{hosts.ADDRESS[NODE]}:26656"
            assert [knock_from_host(PEER, [end])[end] for _ in range(4)] == ["open"] * 4
    finally:
        hosts.must(NODE, "nft delete table inet seen")
    assert len(hosts.verb(NODE, "ledger", "peers")["peers"]) == len(hosts.NODES) - 1


def wait_for(what: Callable[[], bool], otherwise: str) -> None:
    """Wait until something is so; fail with what is said otherwise."""
    until = time.monotonic() + 180
    while not what():
        assert time.monotonic() < until, otherwise
        time.sleep(0.3)


def test_a_chain_of_others_that_drops_is_named() -> None:
    peer = hosts.ADDRESS[PEER]
    hosts.must(NODE, "nft 'table inet others { chain guard { type filter hook input priority 5; tcp dport 26656 drop; }; }'")
    try:
        said = hosts.verb(NODE, "firewall", "explain", peer, "26656")
        assert (said["allowed"], said["asked"]) == (False, True)
        assert "table inet others, chain guard" in said["rule"]
        assert knock_from_host(PEER, [f"{hosts.ADDRESS[NODE]}:26656"]) == {f"{hosts.ADDRESS[NODE]}:26656": "filtered"}
        failing = hosts.verb(NODE, "firewall", "check", codes=(1,))["findings"]
        assert [one["id"] for one in failing if one["verdict"] == "fail"] == ["firewall.others"]
    finally:
        hosts.must(NODE, "nft delete table inet others")
    assert hosts.verb(NODE, "firewall", "explain", peer, "26656")["allowed"] is True


def test_rules_that_were_stopped_fail_everywhere_and_start_again_with_nftables() -> None:
    before = live(NODE)
    hosts.must(NODE, "systemctl start nftables; systemctl stop nftables")
    assert live(NODE) == ""
    said = hosts.verb(NODE, "status", codes=(1,))
    assert said["guards"]["firewall"] == "off"
    assert [one["id"] for one in said["findings"] if one["verdict"] == "fail"] == ["firewall.live", "firewall.unit"]
    network = hosts.controller("fleet", "status", "--timeout", "60", "--json")
    guards = next(one["actual"] for one in network["findings"] if one["id"] == "network.guards")
    assert guards.startswith(f"{NODE}: firewall.live")
    hosts.must(NODE, "systemctl start nftables")
    wait_for(lambda: live(NODE) == before, "they did not come back with it")
    hosts.must(NODE, "systemctl disable --now --quiet nftables; systemctl start nodeops-firewall")


def test_rules_that_somebody_flushed_are_loaded_again() -> None:
    before = live(NODE)
    hosts.must(NODE, "nft flush ruleset")
    wait_for(lambda: live(NODE) == before, "nothing loaded them again")
    hosts.verb(NODE, "firewall", "check")
    since = "journalctl --quiet --boot --unit nodeops-firewall-watch --output cat"
    told = "the rules of this host were gone; they are loaded again"
    wait_for(lambda: told in hosts.must(NODE, since), "nobody was told")
    said = hosts.must(NODE, "systemd-analyze security --no-pager nodeops-firewall-watch.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 2.5


def test_rules_that_a_person_stopped_stay_stopped() -> None:
    hosts.must(NODE, "systemctl stop nodeops-firewall")
    assert hosts.must(NODE, "systemctl is-active nodeops-firewall-watch.timer; true").strip() == "inactive"
    assert hosts.verb(NODE, "status", codes=(1,))["guards"]["firewall"] == "off"
    hosts.must(NODE, "systemctl start nodeops-firewall")
    hosts.verb(NODE, "firewall", "check")


def test_rules_stay_stopped_that_are_stopped_while_the_watch_looks() -> None:
    look = "systemctl start --no-block nodeops-firewall-watch; sleep 0.0$i; systemctl stop nodeops-firewall"
    wait = "while systemctl list-jobs | grep -q nodeops-firewall; do sleep 0.1; done; sleep 0.5"
    back = "nft list table inet nodeops >/dev/null 2>&1 && echo $i; systemctl start nodeops-firewall; true"
    assert hosts.must(NODE, f"for i in $(seq 0 9); do {look}; {wait}; {back}; done") == ""


def test_operators_without_the_controller_are_refused_before_the_document_is_written() -> None:
    before = hosts.must(NODE, "cat /etc/nodeops/node.json")
    choices = json.dumps({"nodeops_choices": {"firewall": {"operators": ["203.0.113.0/24"]}}})
    done = hosts.play("firewall.yml", "--limit", NODE, "--extra-vars", choices)
    assert done.returncode != 0
    assert "controller" in done.stdout
    assert "operators" in done.stdout
    assert hosts.must(NODE, "cat /etc/nodeops/node.json") == before

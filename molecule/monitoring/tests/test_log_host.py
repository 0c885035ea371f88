"""The monitor is the log host of alpha: its nodes' lines arrive under their names and stay, nobody else's do, within a bound."""

import json
import shlex
import time
from collections.abc import Callable, Iterator

import hosts
import pytest
from monitor import WAIT, told_of_all
from tier import FULL

from nodeops.hardening.controls.catalogue import catalogue

LOG_HOST, SENDERS, STRANGER = "mon-1", ("alpha-1", "alpha-2"), "beta-1"
CONTROLS = ("logging.syslog", "logging.forwarding", "logging.log-host")
KEPT, DAY_BYTES = "/var/log/nodeops-nodes", 1 << 20
DOCUMENT, AUTHORITY = "/run/log-host.json", "/etc/nodeops/log_host/authority.pem"
_REFUSAL = """
import sys
sys.path.insert(0, "/opt/nodeops/current/lib")
from nodeops.hardening.host.receiver import refusal
print(refusal(sys.argv[1], 6514, "mon-1", *sys.argv[2:]))
"""
_FLOOD = r"""
import socket
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect("/dev/log")
for number in range(1500):
    log.send(b"<13>flood: %d %s" % (number, b"x" * 2000))
"""


def harden(node: str) -> None:
    """Apply what lets a node send, and nothing else, on trial until it is taken back: the whole has a scenario of its own."""
    document = json.loads(hosts.must(node, "cat /etc/nodeops/node.json"))
    row = {"scope": "all", "owner": "this scenario", "reason": "hardening has a scenario of its own", "expires": "2099-01-01"}
    document["waivers"] = [{"control": name, **row} for name in catalogue() if name not in CONTROLS]
    document["limits"]["hardening"]["confirm_seconds"] = 600
    hosts.must(node, f"cat >{DOCUMENT}", given=json.dumps(document).encode())
    assert hosts.verb(node, "hardening", "apply", "--document", DOCUMENT, codes=(0, 1))["trial"]


@pytest.fixture(scope="module", autouse=True)
def sending() -> Iterator[None]:
    """Let alpha's nodes send while the module runs."""
    hosts.at_once(harden, SENDERS)
    yield
    hosts.at_once(lambda node: hosts.must(node, f"nodeops hardening rollback && rm {DOCUMENT}"), SENDERS)


def kept(node: str) -> str:
    return hosts.must(LOG_HOST, f"cat {KEPT}/{node}/*.log 2>/dev/null || true")


def await_line(node: str, line: str) -> None:
    until = time.monotonic() + WAIT
    while line not in kept(node):
        assert time.monotonic() < until, f"{node}: {line} did not arrive"
        time.sleep(0.5)


def log(node: str, line: str) -> str:
    hosts.must(node, f"logger {shlex.quote(line)}")
    return line


def refusal(node: str, certificate: str, key: str) -> str:
    address = hosts.declared("monitors", LOG_HOST, "address")
    return hosts.script(node, _REFUSAL, address, AUTHORITY, certificate, key).strip()


def test_a_line_arrives_under_the_name_of_its_node_and_stays_when_it_is_deleted_there() -> None:
    for node in SENDERS:
        await_line(node, log(node, f"{node} says what it did"))
        audit = hosts.verb(node, "hardening", "audit", *CONTROLS, "--document", DOCUMENT, codes=(0, 1))
        assert {one["id"]: one["verdict"] for one in audit["findings"]} == dict.fromkeys(CONTROLS, "pass"), audit
        hosts.must(node, "truncate -s 0 /var/log/syslog; journalctl --quiet --rotate --vacuum-size=1")
        assert f"{node} says what it did" in kept(node)
    assert not any(f"{node} says" in kept(other) for node, other in zip(SENDERS, reversed(SENDERS), strict=True))


def test_only_root_and_adm_read_it_and_the_unit_may_hardly_do_anything() -> None:
    found = hosts.must(LOG_HOST, f"stat -c '%a %U %G' {KEPT} {KEPT}/alpha-1 {KEPT}/alpha-1/*.log").splitlines()
    assert found[0] == "2750 nodeops-log-host adm"
    assert found[1].split() == ["2750", "nodeops-log-host", "adm"]
    assert set(found[2:]) == {"640 nodeops-log-host adm"}
    said = hosts.must(LOG_HOST, "systemd-analyze security --no-pager nodeops-log-host.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 1.5, said
    assert hosts.must(LOG_HOST, "stat -c %a /etc/nodeops/log_host/key.pem").strip() == "600"


def test_others_get_nothing_in() -> None:
    own = "/etc/nodeops/exporter/certificate.pem", "/etc/nodeops/exporter/key.pem"
    assert refusal("alpha-1", *own) == ""
    # The port is closed to a host of another organisation, whatever it has in hand.
    place = AUTHORITY.rpartition("/")[0]
    hosts.must(STRANGER, f"install -d {place} && cat >{AUTHORITY}", given=hosts.must("alpha-1", f"cat {AUTHORITY}").encode())
    assert "cannot be reached" in refusal(STRANGER, *own)
    # A certificate that says a node's name is no node's.
    forge = "openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=alpha-2 -keyout /run/forged.key -out /run/forged.pem"
    hosts.must("alpha-1", f"{forge} 2>/dev/null")
    assert "does not let in" in refusal("alpha-1", "/run/forged.pem", "/run/forged.key")
    assert hosts.must(LOG_HOST, f"ls {KEPT}").split() == list(SENDERS)


def test_a_flood_stays_within_the_bound_of_a_day_and_harms_nobody_else() -> None:
    hosts.script("alpha-2", _FLOOD)
    await_line("alpha-2", "lines of the node are left out from here on")
    until = time.monotonic() + WAIT
    while (said := shown("alpha-2"))[0] != "fail" and time.monotonic() < until:
        time.sleep(0.5)
    assert said[0] == "fail" and "left out today" in said[1], said
    sizes = hosts.must(LOG_HOST, f"stat -c %s {KEPT}/alpha-2/*.log").split()
    assert max(map(int, sizes)) <= DAY_BYTES
    assert "alpha-2 says what it did" in kept("alpha-2")
    await_line("alpha-1", log("alpha-1", "is not in the way of the flood"))
    assert shown("alpha-1")[0] == "pass"
    until_so(lambda: ("LogHostLeavesOut", LOG_HOST) in told_of_all())


def test_while_it_is_down_lines_wait_and_are_seen_to_and_all_come_later() -> None:
    hosts.must(LOG_HOST, "systemctl stop nodeops-log-host")
    try:
        # A thousand wait in memory.
        hosts.must("alpha-1", "for number in $(seq 3000); do echo waits-$number-; done | logger")
        until_so(lambda: waiting("alpha-1") > 0)
        # It holds for two minutes before it is told.
        if FULL:
            until_so(lambda: ("LogHostDown", LOG_HOST) in told_of_all())
            assert ("CollectorFailed", LOG_HOST) not in told_of_all()
    finally:
        hosts.must(LOG_HOST, "systemctl start nodeops-log-host")
    until_so(lambda: lacks(kept("alpha-1")) == [])


def lacks(text: str) -> list[int]:
    return [number for number in range(1, 3001) if f"waits-{number}-" not in text]


def waiting(node: str) -> float:
    """Return what waits on a node's disk, as its exporter says; 0 while its collector is late and says nothing."""
    return sum(float(one["value"]) for one in hosts.verb(node, "metrics", "show", "log_host_waiting_bytes")["values"])


def until_so(true: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < until
        time.sleep(1)


def shown(node: str) -> tuple[str, str]:
    answer = hosts.verb(LOG_HOST, "log-host", "show", codes=(0, 1))
    (found,) = (one for one in answer["findings"] if one["id"] == f"log-host.{node}")
    return found["verdict"], found["actual"]

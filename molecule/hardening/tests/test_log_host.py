"""Logs go to a log host as they are written, wait within bounds while it is away, and go to nobody else."""

import json
import time

import remote
from conftest import assert_nothing
from log_host import DOCUMENT, QUEUE, QUEUE_BYTES, LogHost

CONTROLS = ("logging.forwarding", "logging.log-host")
# More than memory and disk may hold together, in lines as long as syslog has them.
_FLOOD = r"""
import socket, time
log, begun = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), time.monotonic()
log.connect("/dev/log")
for number in range(3000):
    log.send(b"<13>flood: %d %s" % (number, b"x" * 2000))
print(time.monotonic() - begun)
"""


def judged(node: str) -> dict[str, tuple[str, str]]:
    answer = remote.verb(node, "hardening", "audit", *CONTROLS, "--document", DOCUMENT, codes=(0, 1))
    return {one["id"]: (one["verdict"], one["actual"]) for one in answer["findings"]}


def log(line: str) -> str:
    remote.at_once(lambda node: remote.must(node, f"logger {line}"), remote.NODES)
    return line


def test_without_a_choice_it_says_so() -> None:
    answer = remote.verb(remote.NODES[0], "hardening", "audit", *CONTROLS)
    assert {(one["verdict"], one["actual"].partition(":")[0]) for one in answer["findings"]} == {("not_applicable", "not chosen")}


def test_a_line_arrives(log_host: LogHost) -> None:
    for node, found in remote.at_once(judged, remote.NODES).items():
        assert {name: verdict for name, (verdict, _) in found.items()} == dict.fromkeys(CONTROLS, "pass"), (node, found)
    # auditd is the machine's: what stands for it writes where it would.
    audit = "install -d /var/log/audit && echo type=USER_LOGIN msg=seen >>/var/log/audit/audit.log"
    remote.at_once(lambda node: remote.must(node, audit), remote.NODES)
    assert log_host.missing([log("a line of today"), "type=USER_LOGIN msg=seen"]) == []
    # A login of an operator is what one asks a log host for.
    assert_nothing({node: [] if "sshd" in log_host.got(node) else ["no login of SSH"] for node in remote.NODES})


def test_while_it_is_away_nothing_waits_and_the_queue_is_bounded(log_host: LogHost) -> None:
    log_host.stop()
    first = log("the first line while it is away")
    assert_nothing(remote.at_once(flooded, remote.NODES))
    log_host.start()
    assert log_host.missing([first]) == []
    assert log_host.missing([log("the first line after it is back")]) == []


def flooded(node: str) -> list[str]:
    """Return what is wrong on a host that says more than its queue may hold."""
    seconds = float(remote.script(node, _FLOOD))
    # The last line of a flood may be lost on a busy host: journald does not wait for a syslog that is behind.
    until, local = time.monotonic() + 240, "logger -t after all is well; grep -q ' after: all is well' /var/log/syslog"
    while (lost := remote.run(node, local).code) and time.monotonic() < until:
        time.sleep(0.5)
    size = queued(node)
    said = judged(node)["logging.log-host"]
    # Where each line had to wait for room it would be minutes and more; a busy machine needs some seconds.
    wrong = [] if seconds < 60 else [f"3000 lines took {seconds} s"]
    wrong += ["what it says afterwards is not even in its own log"] if lost else []
    wrong += [] if QUEUE_BYTES // 2 < size <= QUEUE_BYTES + (64 << 10) else [f"{size} bytes of {QUEUE_BYTES} wait"]
    return wrong + ([] if said[0] == "fail" and "cannot be reached" in said[1] else [f"the audit says {said}"])


def queued(node: str) -> int:
    """Return how many bytes wait on a host's disk, once half of what may wait is there: it goes there line by line."""
    until = time.monotonic() + 240
    while (size := int(remote.must(node, f"cat {QUEUE} | wc -c"))) <= QUEUE_BYTES // 2 and time.monotonic() < until:
        time.sleep(0.5)
    return size


def test_a_wrong_certificate_is_a_finding_and_gets_nothing(log_host: LogHost) -> None:
    log_host.stop()
    log_host.start(impostor=True)
    kept = log("not for an impostor")
    for node, found in remote.at_once(judged, remote.NODES).items():
        assert found["logging.log-host"][0] == "fail" and "is not trusted" in found["logging.log-host"][1], (node, found)
    # Longer than a node waits before it tries again.
    time.sleep(7)
    assert_nothing({node: ["it got the line"] if kept in log_host.got(node) else [] for node in remote.NODES})
    log_host.stop()
    known, stranger = remote.NODES
    log_host.start(lets_in=[known])
    said = json.dumps(judged(stranger)["logging.log-host"])
    assert "fail" in said and "does not let in" in said, said
    assert judged(known)["logging.log-host"][0] == "pass"
    log_host.stop()
    log_host.start()
    assert log_host.missing([log("all is well")]) == []
    assert kept in log_host.got(known), "it waited for the right one"

"""Every source at every port sees exactly what the document says."""

import hosts
import pytest
from conftest import CLIENT, MONITOR, OPERATOR, STRANGER
from knocks import knock_from_address, knock_from_host

PORTS = {"ssh": 22, "p2p": 26656, "rpc": 26657, "metrics": 26660, "exporter": 9655, "published": 8080, "another": 9999}
OPEN = {
    ("operator", "ssh"): "open",
    ("member", "p2p"): "open",
    ("client", "rpc"): "open",
    ("monitor", "exporter"): "open",
    # Let in, and nothing listens there in this scenario; test_published.py puts a container behind it.
    ("client", "published"): "closed",
}
TARGETS = ("alpha-1", "alpha-2")


@pytest.mark.parametrize("source", ["stranger", "member", "monitor", "operator", "client"])
def test_what_a_source_sees(source: str) -> None:
    ends = {f"{hosts.ADDRESS[node]}:{port}": name for node in TARGETS for name, port in PORTS.items()}
    if source == "member":
        seen = knock_from_host("beta-1", list(ends))
    elif source == "monitor":
        assert MONITOR.endswith(".50")
        seen = knock_from_host("mon-1", list(ends))
    else:
        seen = knock_from_address({"stranger": STRANGER, "operator": OPERATOR, "client": CLIENT}[source], list(ends))
    assert seen == {end: OPEN.get((source, name), "filtered") for end, name in ends.items()}


@pytest.mark.parametrize("node", TARGETS)
def test_the_explanation_agrees_with_what_is_seen(node: str) -> None:
    for address, port, allowed in ((STRANGER, 22, False), (OPERATOR, 22, True), (CLIENT, 26657, True), (MONITOR, 22, False)):
        assert hosts.verb(node, "firewall", "explain", address, str(port))["allowed"] is allowed


def test_a_member_that_opens_connections_without_end_takes_nothing_from_its_peer() -> None:
    flood = "\n".join(
        [
            "import socket",
            "held = []",
            "for _ in range(400):",
            "    try:",
            f"        held.append(socket.create_connection(('{hosts.ADDRESS['alpha-1']}', 26656), 1))",
            "    except OSError:",
            "        pass",
            "print(len(held))",
        ]
    )
    peers = len(hosts.verb("alpha-1", "ledger", "peers")["peers"])
    handles = "ls /proc/$(systemctl show --property=MainPID --value ledger)/fd | wc -l"
    before = int(hosts.must("alpha-1", handles))
    hosts.script("beta-2", flood)
    assert int(hosts.must("alpha-1", handles)) < before + 50, "the ledger holds what one member opened"
    assert len(hosts.verb("alpha-1", "ledger", "peers")["peers"]) == peers == len(hosts.NODES) - 1

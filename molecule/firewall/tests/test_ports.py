"""Every source at every port sees exactly what the document says."""

import hosts
import pytest
from conftest import CLIENT, MONITOR, OPERATOR, STRANGER, knock_from_address, knock_from_host

PORTS = {"ssh": 22, "p2p": 26656, "rpc": 26657, "metrics": 26660, "published": 8080, "another": 9999}
OPEN = {
    ("operator", "ssh"): "open",
    ("member", "p2p"): "open",
    ("client", "rpc"): "open",
    ("monitor", "metrics"): "open",
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


def test_a_member_that_opens_too_many_connections_is_held_back_and_its_peer_stays() -> None:
    flood = "\n".join(
        [
            "import socket",
            "held = []",
            "for _ in range(40):",
            "    try:",
            f"        held.append(socket.create_connection(('{hosts.ADDRESS['alpha-1']}', 26656), 0.3))",
            "    except OSError:",
            "        pass",
            "print(len(held))",
        ]
    )
    peers = len(hosts.verb("alpha-1", "ledger", "peers")["peers"])
    assert 0 < int(hosts.script("beta-2", flood)) <= 16
    assert len(hosts.verb("alpha-1", "ledger", "peers")["peers"]) == peers == len(hosts.NODES) - 1
    assert hosts.verb("alpha-1", "firewall", "status")["refused"]["input: p2p-limit"] > 0

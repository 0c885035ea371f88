"""The mesh on real hosts: a path that is cut and a node that is cut off, as the fleet sees them; who its port is open to."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hosts
import pytest
from monitor import causes

# Three questions in a row are lost after three seconds; the prober writes every five, and looks back for a minute.
WAIT = 240
LOSES = "mesh.ledger.alpha-2-beta-1"


def until_so(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(1)


def until_said(wanted: set[tuple[str, tuple[str, ...]]]) -> None:
    end = time.monotonic() + WAIT
    while (seen := causes()) != wanted:
        assert time.monotonic() < end, f"{sorted(seen)} instead of {sorted(wanted)}"
        time.sleep(2)


@contextmanager
def deaf(node: str, *others: str) -> Iterator[None]:
    """Drop the probes of others on their way into a node: what a network does, with its link up and its logins working."""
    sources = ", ".join(hosts.ADDRESS[other] for other in others)
    drop = f"ip saddr {{ {sources} }} udp dport {port()} drop; ip saddr {{ {sources} }} udp sport {port()} drop;"
    text = f"table ip deaf {{ chain c {{ type filter hook prerouting priority -300; {drop} }}; }}"
    hosts.must(node, "nft -f -", given=text.encode())
    try:
        yield
    finally:
        hosts.must(node, "nft delete table ip deaf")


def port() -> int:
    return int(hosts.controller("document", "show", "alpha-1", "--json")["document"]["ports"]["mesh"]["port"])


def test_a_path_that_is_cut_and_a_node_that_is_cut_off_are_told_apart() -> None:
    until_said(set())
    with deaf("beta-1", "alpha-2"):
        until_said({("path", ("alpha-2", "beta-1"))})
        hosts.must("beta-1", f"nft add rule ip deaf c ip saddr {hosts.ADDRESS['alpha-1']} udp sport {port()} drop")
        until_said({("uplink", ("beta-1",))})
        # Each writes what it sees at moments of its own: another may have seen it before beta-1 did.
        until_so(lambda: list(findings("beta-1")) == ["mesh.uplink.beta-1"])


def test_what_the_ledgers_own_connections_lose_is_seen_while_probes_get_through() -> None:
    # What was cut before counts for a minute longer.
    until_said(set())
    found = hosts.controller("document", "show", "alpha-1", "--json")["document"]["ledger"]["ports"]["p2p"]["port"]
    rule = f"ip saddr {hosts.ADDRESS['alpha-2']} tcp {{}} {found} numgen random mod 100 < 30 drop;"
    chain = "type filter hook prerouting priority -300; " + " ".join(rule.format(end) for end in ("dport", "sport"))
    # Nothing is said of connections while the kernel did not show them lately.
    until_so(lambda: shown("alpha-2")["paths"]["beta-1"]["ledger"] is not None)
    before = shown("alpha-2")["paths"]["beta-1"]["ledger"]
    hosts.must("beta-1", "nft -f -", given=f"table ip deaf {{ chain c {{ {chain} }}; }}".encode())
    try:
        end = time.monotonic() + WAIT
        while not only_retransmits(said := shown("alpha-2"), before["retransmitted"]):
            assert time.monotonic() < end, said
            time.sleep(3)
    finally:
        hosts.must("beta-1", "nft delete table ip deaf")
    assert named(said)[LOSES]["verdict"] == "warn"
    # One look may miss a connection that lives.
    until_so(lambda: {(one["ledger"] or {}).get("mtu") for one in shown("alpha-1")["paths"].values()} == {1500})


def only_retransmits(said: Any, before: int) -> bool:
    """Tell whether it is seen that the ledger's own packets are sent again, while no path and no node is blamed."""
    seen, carried = named(said), said["paths"]["beta-1"]["ledger"]
    # A connection that ends is told under the same name: what was sent again must be seen, not that.
    told = "were sent again" in seen.get(LOSES, {"actual": ""})["actual"] and carried["retransmitted"] - before >= 5
    return told and {name for name in seen if not name.startswith("mesh.ledger.")} == {"mesh"}


def findings(node: str) -> dict[str, Any]:
    return named(shown(node))


def named(said: Any) -> dict[str, Any]:
    return {one["id"]: one for one in said["findings"]}


def shown(node: str) -> Any:
    return hosts.verb(node, "mesh", "show", codes=(0, 1))


def test_the_unit_is_closed_and_nobody() -> None:
    said = hosts.must("alpha-2", "systemd-analyze security --no-pager nodeops-mesh.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 1.5
    pid = hosts.must("alpha-2", "systemctl show -p MainPID --value nodeops-mesh").strip()
    assert hosts.must("alpha-2", f"stat -c %U /proc/{pid}").strip() == "nodeops-mesh"
    assert int(hosts.must("alpha-2", f"awk '/^CapEff/ {{print $2}}' /proc/{pid}/status"), 16) == 0
    assert hosts.must("alpha-2", "ls /var/lib/ledger/keys")
    assert not hosts.must("alpha-2", f"nsenter --mount --target {pid} ls /var/lib/ledger/keys")


@pytest.mark.parametrize(("address", "allowed"), [("alpha-1", True), ("192.0.2.7", False)])
def test_its_port_is_open_to_members_alone(address: str, allowed: bool) -> None:
    source = hosts.ADDRESS.get(address, address)
    words = ("firewall", "explain", source, str(port()), "--protocol", "udp")
    assert hosts.verb("beta-1", *words, codes=(0, 1))["allowed"] is allowed

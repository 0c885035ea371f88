"""A port that a container publishes goes through the kernel as Docker sends it: translated, forwarded, and judged by us."""

from collections.abc import Iterator

import hosts
import pytest
from conftest import CLIENT, STRANGER
from knocks import knock_from_address, knock_from_host

NODE = "alpha-2"
END = f"{hosts.ADDRESS[NODE]}:8080"
# What the engine makes for `docker run -p 8080:80`: a bridge, a namespace behind it, a translation, masquerading.
MAKE = """
set -e
ip netns add shop
ip link add br-0123456789a type bridge && ip addr add 10.9.9.1/24 dev br-0123456789a && ip link set br-0123456789a up
ip link add shop0 type veth peer name eth0 netns shop && ip link set shop0 master br-0123456789a up
ip -n shop addr add 10.9.9.2/24 dev eth0 && ip -n shop link set eth0 up
ip -n shop link set lo up && ip -n shop route add default via 10.9.9.1
echo 1 >/proc/sys/net/ipv4/ip_forward
nft 'table ip docker_like {
  chain pre { type nat hook prerouting priority dstnat; iifname "eth0" tcp dport 8080 dnat to 10.9.9.2:80; }
  chain post { type nat hook postrouting priority srcnat; ip saddr 10.9.9.0/24 oifname "eth0" masquerade; }
}'
systemd-run --quiet --unit=shop --collect ip netns exec shop python3 -m http.server 80
READY='import socket; socket.create_connection(("10.9.9.2", 80), 1)'
for try in $(seq 50); do ip netns exec shop python3 -c "$READY" 2>/dev/null && exit 0; sleep 0.1; done
exit 1
"""
CLEAR = (
    "systemctl stop shop; nft delete table ip docker_like; ip link del shop0; ip link del br-0123456789a; ip netns del shop; true"
)


@pytest.fixture(scope="module", autouse=True)
def shop() -> Iterator[None]:
    hosts.must(NODE, MAKE)
    yield
    hosts.must(NODE, CLEAR)


def test_only_named_networks_reach_a_published_port() -> None:
    assert knock_from_address(CLIENT, [END]) == {END: "open"}
    assert knock_from_address(STRANGER, [END]) == {END: "filtered"}
    assert knock_from_host("beta-1", [END]) == {END: "filtered"}


def test_without_our_rules_a_stranger_would_reach_it() -> None:
    hosts.must(NODE, "systemctl stop nodeops-firewall")
    try:
        assert knock_from_address(STRANGER, [END]) == {END: "open"}
    finally:
        hosts.must(NODE, "systemctl start nodeops-firewall")
    assert knock_from_address(STRANGER, [END]) == {END: "filtered"}


def test_a_container_may_open_connections() -> None:
    line = f"import socket; socket.create_connection(('{hosts.ADDRESS['beta-1']}', 26656), 3)"
    hosts.must(NODE, f'ip netns exec shop python3 -c "{line}"')


def test_the_tables_of_others_are_left_alone() -> None:
    assert "dnat to 10.9.9.2:80" in hosts.must(NODE, "nft list table ip docker_like")

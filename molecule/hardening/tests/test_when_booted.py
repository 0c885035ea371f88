"""What holds on a hardened host holds after a boot, and for the interfaces that packets come in by.

By its name it comes after all that compares these hosts with what they were: a boot leaves other units active.
"""

import remote
from conftest import assert_nothing, failing
from engine import container, docker

# What the kernel decides by the looser of `all` and the interface, or by the interface alone (net/ipv4, net/ipv6).
_REDIRECTS = "cd /proc/sys/net && grep -H . ipv4/conf/*/accept_redirects ipv4/conf/*/send_redirects ipv6/conf/*/accept_redirects"


def follows(node: str) -> list[str]:
    """Return the interfaces of a host that follow or send redirects."""
    rows = remote.must(node, _REDIRECTS).splitlines()
    assert any("/eth0/" in row for row in rows), rows
    return [row for row in rows if not row.endswith(":0")]


def rebooted(node: str) -> None:
    docker("restart", "--time", "30", container(node))
    remote.wait_until_reachable(node, 180)
    remote.run(node, "systemctl is-system-running --wait")


def test_no_interface_follows_a_redirect_before_and_after_a_boot_and_nothing_else_fails_then() -> None:
    assert_nothing(remote.at_once(follows, remote.NODES))
    remote.at_once(rebooted, remote.NODES)
    assert_nothing(remote.at_once(follows, remote.NODES))
    assert_nothing(remote.at_once(failing, remote.NODES))
    for node in remote.NODES:
        remote.verb(node, "ledger", "wait", "--synced", "--timeout", "240")

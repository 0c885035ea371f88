"""Facts that are read from the kernel's tables."""

import pytest

from nodeops.hardening.host.facts import beyond_input, forwarders, is_announced, is_leased

LOOPBACK = "00000000000000000000000000000001 01 80 10 80       lo"
LINK = "fe80000000000000004200fffe110002 02 40 20 80     eth0"
STATIC = "20010db8000000000000000000000011 02 40 00 80     eth0"
LEASED = "20010db80000000002420a0000000011 02 40 00 00     eth0"
NOWHERE, ANY = "0" * 32, "0" * 32 + " 00"
GATEWAY = "fe80000000000000000000000000fffe"
ANNOUNCED = f"{ANY} {ANY} {GATEWAY} 00000400 00000001 00000000 00450003     eth0"
BY_HAND = f"{ANY} {ANY} {GATEWAY} 00000400 00000001 00000000 00000003     eth0"
REJECTED = f"{ANY} {ANY} {NOWHERE} ffffffff 00000001 00000000 00200200       lo"
PREFIX = f"20010db8000000000000000000000000 40 {ANY} {NOWHERE} 00000100 00000001 00000000 00440001     eth0"
TEMPORARY = "20010db80000000002420a0000000012 02 40 00 01     eth0"


@pytest.mark.parametrize(
    ("classes", "beyond"),
    [([], False), (["09\n", "03\n"], False), (["09\n", "08\n"], True), (["03\n", "e0\n"], True)],
    ids=["no USB", "a keyboard", "a disk", "a composite device"],
)
def test_a_usb_device_that_is_more_than_a_keyboard(classes, beyond):
    assert beyond_input(classes) is beyond


@pytest.mark.parametrize(
    ("rows", "leased"),
    [([], False), ([LOOPBACK, LINK], False), ([LOOPBACK, STATIC], False), ([LINK, LEASED], True), ([LINK, TEMPORARY], True)],
    ids=["no IPv6", "link-local", "static", "from a router", "temporary"],
)
def test_an_address_that_runs_out(rows, leased):
    assert is_leased("".join(f"{row}\n" for row in rows)) is leased


@pytest.mark.parametrize(
    ("rows", "announced"),
    [([], False), ([REJECTED, BY_HAND], False), ([REJECTED, PREFIX], False), ([REJECTED, ANNOUNCED], True)],
    ids=["no IPv6", "by hand", "a prefix alone", "by a router"],
)
def test_a_default_route_that_runs_out(rows, announced):
    assert is_announced("".join(f"{row}\n" for row in rows)) is announced


@pytest.mark.parametrize(
    ("units", "tunnels", "on", "said"),
    [
        (("ssh.service",), (), True, []),
        (("podman.service", "ssh.service"), (), False, ["podman"]),
        (("docker.service", "containerd.service"), (), False, ["Docker", "containerd"]),
        # A tunnel ends at this host as often as not: it needs forwarding where somebody switched that on.
        ((), ("tunnel wg0",), True, ["tunnel wg0"]),
        ((), ("tunnel wg0",), False, []),
    ],
)
def test_what_needs_forwarding_is_named(units, tunnels, on, said):
    assert forwarders(units, tunnels, on) == said

"""Which file decides a kernel parameter, as systemd-sysctl decides it."""

import pytest

from nodeops.hardening.host.sysctl_files import assignments, deciding, in_order, normal, said_of

OURS = ("/etc/sysctl.d/90-nodeops.conf", "net.ipv4.ip_forward = 0\nnet.ipv4.conf.*.accept_redirects = 0\n")


def decided(key, *files):
    found = deciding(assignments([OURS, *files]), key)
    return None if found is None else (found.value, found.file)


def test_names_are_in_order_whatever_their_folder_and_hide_each_other_by_it():
    paths = [
        "/usr/lib/sysctl.d/99-a.conf",
        "/etc/sysctl.d/99-a.conf",
        "/run/sysctl.d/10-b.conf",
        "/usr/local/lib/sysctl.d/10-b.conf",
    ]
    assert in_order(paths) == ["/run/sysctl.d/10-b.conf", "/etc/sysctl.d/99-a.conf"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("net.ipv4.ip_forward=1\n", "1"),
        ("net/ipv4/ip_forward = 1\n", "1"),
        ("-net.ipv4.ip_forward = 1\n", "1"),
        ("# net.ipv4.ip_forward=1\n; net.ipv4.ip_forward=1\nnet.ipv4.ip_forward\n", "0"),
        # By a pattern it only gets what nobody names it for.
        ("net.ipv4.ip_* = 1\n", "0"),
        ("net.ipv4.ip_forward=1\nnet.ipv4.ip_forward=0\n", "0"),
        ("-net.ipv4.ip_forward\n", None),
    ],
)
def test_the_last_one_counts_and_is_named(text, value):
    found = decided("net.ipv4.ip_forward", ("/etc/sysctl.d/99-vpn.conf", text))
    assert (found and found[0]) == value
    if value == "1":
        assert found[1] == "/etc/sysctl.d/99-vpn.conf"


def test_a_parameter_that_is_named_goes_before_a_pattern():
    named = ("/etc/sysctl.d/10-first.conf", "net.ipv4.conf.eth0.accept_redirects = 1\n")
    assert decided("net.ipv4.conf.eth0.accept_redirects", named) == ("1", named[0])
    assert decided("net.ipv4.conf.eth1.accept_redirects", named) == ("0", OURS[0])
    assert decided("net.ipv4.conf.eth1.rp_filter", named) is None


def test_a_later_pattern_wins_over_an_earlier_one():
    later = ("/etc/sysctl.d/99-x.conf", "net.ipv4.conf.eth*.accept_redirects = 1\n")
    keys = ["net.ipv4.conf.eth0.accept_redirects", "net.ipv4.conf.lo.accept_redirects", "net.ipv4.tcp_syncookies"]
    found = said_of(assignments([OURS, later]), keys)
    assert {key: one.value for key, one in found.items()} == {keys[0]: "1", keys[1]: "0"}


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
    ],
)
def test_the_separator_that_stands_first_is_the_separator(key, path):
    assert normal(key) == path

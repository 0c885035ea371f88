"""Which hosts are reached through which, from what `ssh -G` of OpenSSH 9.2 says of each."""

import pytest

from nodeops.host.ssh.jumps import Behind, jump_hosts

ADDRESS = {"node-2": "10.0.0.2", "node-3": "10.0.0.3", "node-4": "10.0.0.4"}
# A name of the ssh_config alone.
ALIASES = {"gate": "10.0.0.2", "elsewhere": "192.0.2.9"}
TO_4 = Behind("node-4", ("10.0.0.4:22",))


def through(**options):
    means = {name: {"hostname": address, "port": "22"} for name, address in ADDRESS.items()}
    means["node-4"] |= options
    return jump_hosts(means, ADDRESS, lambda name: ALIASES.get(name, name))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {}),
        ({"proxyjump": "none"}, {}),
        ({"proxyjump": "node-2"}, {"node-2": [TO_4]}),
        ({"proxyjump": "ops@10.0.0.2:2222"}, {"node-2": [TO_4]}),
        ({"proxyjump": "ssh://ops@node-2:22"}, {"node-2": [TO_4]}),
        ({"proxyjump": "gate"}, {"node-2": [TO_4]}),
        ({"proxyjump": "elsewhere"}, {}),
        ({"proxyjump": "node-2,node-3:2222"}, {"node-2": [Behind("node-4", ("node-3:2222",))], "node-3": [TO_4]}),
        ({"proxyjump": "elsewhere,node-3"}, {"node-3": [TO_4]}),
        ({"proxyjump": "node-2", "port": "2222"}, {"node-2": [Behind("node-4", ("10.0.0.4:2222",))]}),
        ({"proxyjump": "node-2", "hostname": "node-4"}, {"node-2": [TO_4]}),
        ({"proxyjump": "node-2", "hostname": "four.test"}, {"node-2": [Behind("node-4", ("10.0.0.4:22", "four.test:22"))]}),
        ({"proxyjump": "node-2", "hostname": "fd00::4"}, {"node-2": [Behind("node-4", ("10.0.0.4:22", "[fd00::4]:22"))]}),
        ({"proxycommand": "ssh -F x -W %h:%p ops@node-2"}, {"node-2": [TO_4]}),
        ({"proxycommand": "/usr/bin/ssh node-2 -q -W %h:%p"}, {"node-2": [TO_4]}),
        ({"proxycommand": "ssh -qW %h:%p node-2"}, {"node-2": [TO_4]}),
        ({"proxycommand": "ssh -W%h:%p -p2222 -lops node-2"}, {"node-2": [TO_4]}),
        ({"proxycommand": "ssh -W [%h]:%p node-2 2>/dev/null"}, {"node-2": [TO_4]}),
        (
            {"proxycommand": "exec ssh -J node-2 -W %h:%p node-3"},
            {"node-2": [Behind("node-4", ("node-3:22",))], "node-3": [TO_4]},
        ),
        ({"proxycommand": "ssh -W %h:%p"}, {}),
        # Another program needs no forwarding of sshd.
        ({"proxycommand": "ssh node-2 nc %h %p"}, {}),
        ({"proxycommand": "connect -S node-2 %h %p"}, {}),
        ({"proxycommand": "ssh 'node-2"}, {}),
        # A host that is its own way in.
        ({"proxyjump": "node-4"}, {}),
    ],
)
def test_who_is_reached_through_whom(options, found):
    assert through(**options) == found

"""IPv6 addresses and host names in consortium.yml: two real hosts that reach each other by nothing else."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.lab.conftest import LabHosts
from tests.tiers import sizes

IPV6 = {"t-1": "fd00:6e6f:6465::11", "t-2": "fd00:6e6f:6465::12"}
HOST_NAME = "t-2.ledger.example"


@pytest.fixture(scope="module")
def hosts(lab_of: Callable[..., LabHosts]) -> Iterator[LabHosts]:
    """Two hosts with IPv6; the consortium file has an IPv6 address and a host name that means another one."""
    lab = lab_of("addresses", "172.30.75")
    for node, address in IPV6.items():
        line = f"sudo sysctl -qw net.ipv6.conf.all.disable_ipv6=0 && sudo ip -6 address add {address}/64 dev eth0 nodad"
        assert lab.ssh(node, f"{line} && echo {IPV6['t-2']} {HOST_NAME} | sudo tee -a /etc/hosts").returncode == 0
    file = lab.inventory / "consortium.yml"
    kept = file.read_text(encoding="utf-8")
    consortium = json.loads(kept)
    consortium["nodes"]["t-1"]["address"] = IPV6["t-1"]
    consortium["nodes"]["t-2"]["address"] = HOST_NAME
    file.write_text(json.dumps(consortium), encoding="utf-8")
    yield lab
    file.write_text(kept, encoding="utf-8")


# In full hardened too: it has parameters of IPv6 in force.
@pytest.mark.parametrize("options", sizes(("--skip-tags", "hardening"), ()), ids=["as it is", "hardened"])
def test_they_find_each_other_and_make_blocks(hosts: LabHosts, options: tuple[str, ...]) -> None:
    for words in (("site.yml", *options), ("playbooks/verify.yml",)):
        done = hosts.play(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(hosts.ssh("t-1", "sudo nodeops ledger peers --json").stdout)
    assert len(answer["peers"]) == 1
    open_sockets = hosts.ssh("t-1", "ss -Htn state established | grep 26656").stdout
    assert IPV6["t-2"] in open_sockets


def test_the_fleet_reaches_them_where_ssh_config_says(hosts: LabHosts) -> None:
    assert set(hosts.answer("fleet", "status")["nodes"]) == set(hosts.nodes)

"""Rules are loaded on all nodes while records are written: no peer is lost, no block is late; and they come back at boot."""

import re
import threading

import blocks
import hosts
from conftest import live
from engine import container, docker

from nodeops.document.load import load_consortium

BLOCK_SECONDS = load_consortium(hosts.SCENARIO).ledger.block_seconds
LOAD = (
    "cd /var/tmp && n=0; while [ ! -e /run/enough ]; do n=$((n+1)); echo $n >load-$n; nodeops record add load-$n >/dev/null; done"
)


def test_no_peer_is_lost_and_no_block_is_late_under_load() -> None:
    hosts.at_once(
        lambda node: hosts.must(node, "systemctl disable --now --quiet nodeops-firewall; rm /etc/nodeops/firewall.nft"),
        hosts.NODES,
    )
    assert not any(hosts.at_once(live, hosts.NODES).values())
    hosts.must("beta-2", "rm -f /run/enough")
    load = threading.Thread(target=hosts.run, args=("beta-2", LOAD))
    load.start()
    try:
        mark = blocks.mark()
        done = hosts.play("firewall.yml")
        assert done.returncode == 0, done.stdout[-6000:]
        hosts.verb("alpha-1", "ledger", "wait", "--blocks", "6", "--timeout", "240")
        blocks.assert_undisturbed(mark, blocks.most_seconds(BLOCK_SECONDS))
    finally:
        hosts.must("beta-2", "touch /run/enough")
        load.join()
    peers = hosts.at_once(lambda node: len(hosts.verb(node, "ledger", "peers")["peers"]), hosts.NODES)
    assert set(peers.values()) == {len(hosts.NODES) - 1}
    again = hosts.play("firewall.yml")
    every = [*hosts.NODES, *hosts.declared("monitors")]
    assert re.findall(r"changed=(\d+)", again.stdout) == ["0"] * len(every), again.stdout[-6000:]


def test_the_unit_comes_before_the_network_and_is_closed() -> None:
    for node in ("alpha-1", "alpha-2"):
        assert "network-pre.target" in hosts.must(node, "systemctl show -p Before nodeops-firewall")
        said = hosts.must(node, "systemd-analyze security --no-pager nodeops-firewall.service | tail -n 1")
        assert float(said.split(":")[1].split()[0]) <= 2.5


def test_a_host_that_boots_has_its_rules_and_its_peers_again() -> None:
    before = live("beta-2")
    docker("restart", "--time", "30", container("beta-2"))
    hosts.wait_until_reachable("beta-2", 180)
    hosts.must("beta-2", "systemctl is-system-running --wait; systemctl is-active nodeops-firewall")
    assert live("beta-2") == before
    hosts.verb("beta-2", "ledger", "wait", "--synced", "--timeout", "240")
    hosts.verb("beta-2", "ledger", "wait", "--blocks", "2", "--timeout", "240")
    hosts.verb("beta-2", "firewall", "check")

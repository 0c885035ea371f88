"""The monitor's own host, guarded as a node is: who gets in, what goes on, and a change that nobody confirms."""

import hosts
from knocks import knock_from_address, knock_from_host

MONITOR, ADDRESS = "mon-1", str(hosts.declared("monitors", "mon-1", "address"))
STRANGER = ADDRESS.rpartition(".")[0] + ".99"
TRIED = 9400


def ends() -> list[str]:
    """Return SSH, what the monitor serves, and a port on which anything might listen."""
    document = hosts.controller("document", "show", MONITOR, "--json")["document"]
    ports = [*document["monitor_ports"].values(), document["ports"]["exporter"]]
    return [f"{ADDRESS}:{port}" for port in (22, TRIED, *(one["port"] for one in ports))]


def test_nothing_is_open_to_a_stranger_or_a_node_and_operators_get_in() -> None:
    hosts.must(MONITOR, f"systemd-run --quiet --collect --unit tried python3 -m http.server --bind 0.0.0.0 {TRIED}")
    try:
        assert set(knock_from_address(STRANGER, ends()).values()) == {"filtered"}
        assert set(knock_from_host("beta-1", ends()).values()) == {"filtered"}
        assert hosts.run(MONITOR, "true", new=True).code == 0
    finally:
        hosts.must(MONITOR, "systemctl stop tried")


def test_it_says_what_it_is_and_its_rules_are_in_force() -> None:
    said = hosts.verb(MONITOR, "status")
    assert (said["kind"], said["guards"]["firewall"]) == ("monitor", "on")
    assert hosts.verb(MONITOR, "firewall", "explain", STRANGER, "9090")["allowed"] is False
    assert {one["verdict"] for one in hosts.verb(MONITOR, "firewall", "check")["findings"]} == {"pass"}
    assert "runs no ledger" in hosts.run(MONITOR, "nodeops ledger status").err
    assert "this host runs none" in hosts.must(MONITOR, "nodeops hardening audit apt.needrestart")


def test_a_change_is_on_trial_is_taken_back_and_is_kept_by_the_playbook() -> None:
    hosts.must(MONITOR, "systemctl disable --now --quiet nodeops-firewall; rm /etc/nodeops/firewall.nft")
    trial = hosts.verb(MONITOR, "firewall", "apply", codes=(0, 1))["trial"]
    assert trial["token"]
    assert set(knock_from_host("beta-1", ends()).values()) == {"filtered"}
    hosts.must(MONITOR, "nodeops firewall rollback")
    assert hosts.run(MONITOR, "nft list table inet nodeops").code != 0
    done = hosts.play("firewall.yml", "--limit", MONITOR)
    assert done.returncode == 0, done.stdout[-6000:]
    assert hosts.verb(MONITOR, "status")["guards"]["firewall"] == "on"

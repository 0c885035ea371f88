"""The disks of two nodes fill at the same time, and the chain can do without one: the other stays until it must stop as well."""

import hosts
from conftest import FILL, status, wait_for

PLACE = "/var/lib/ledger"
FOREIGN = f"{PLACE}/somebody-elses"
FULL = ("beta-1", "beta-2")
# Less than 2 % of 6 GiB, and more than the last resort: the node should stop, and there is room to wait. Then less than that.
CRITICAL_MIB, LAST_MIB = 90, 40


def running() -> list[str]:
    return [node for node in FULL if hosts.run(node, "systemctl is-active --quiet ledger").code == 0]


def fill(nodes: list[str], mebibytes: int) -> None:
    """Leave so much on the filesystems of chain data; the guards give their ballast back meanwhile."""
    for node in nodes:
        hosts.script(node, FILL, FOREIGN, str(mebibytes))


def has_stopped_after_filling(count: int, mebibytes: int) -> bool:
    fill(running(), mebibytes)
    return len(running()) == count


def test_of_two_full_nodes_one_stops_and_the_other_keeps_the_chain_going_while_it_can() -> None:
    hosts.verb("alpha-2", "ledger", "wait", "--blocks", "2", "--timeout", "240")
    wait_for("one of the two stops", lambda: has_stopped_after_filling(1, CRITICAL_MIB), 180)
    (kept,) = running()
    wait_for("the gate says that it is needed", lambda: "kept running: 3 of 4" in str(status(kept)["alarms"]), 180)
    # More than the five blocks after which who does not sign counts as gone.
    hosts.verb("alpha-2", "ledger", "wait", "--blocks", "8", "--timeout", "180")
    assert running() == [kept]
    refused = hosts.run(kept, "nodeops quorum gate")
    assert refused.code == 1 and "3 of 4 voting power is live, 3 needed" in refused.out, refused
    wait_for("it stops before its disk is full", lambda: has_stopped_after_filling(0, LAST_MIB), 180)
    for node in FULL:
        refused = hosts.run(node, "nodeops disk admit")
        assert refused.code == 4 and "may not start" in refused.err and PLACE in refused.err, refused
        hosts.must(node, f"rm -r {FOREIGN}")
    wait_for("both run again", lambda: len(running()) == 2, 180)
    for node in FULL:
        hosts.verb(node, "ledger", "wait", "--synced", "--timeout", "240")
        hosts.verb(node, "ledger", "wait", "--blocks", "2", "--timeout", "240")
        hosts.verb(node, "disk", "verify")


def test_who_asks_the_gate_sees_neither_keys_nor_chain_data() -> None:
    said = hosts.must("alpha-2", "systemd-analyze security --no-pager nodeops-quorum.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 2.0
    hosts.must("alpha-2", "systemctl start nodeops-quorum.service")
    assert hosts.must("alpha-2", "cat /run/nodeops/disk/quorum.json").count("voting power is live") >= 1

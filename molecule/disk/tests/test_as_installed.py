"""What the role leaves on a host."""

import os
import time

import hosts
import pytest
from conftest import LOG_PLACE, log_place, remember, status
from tier import FULL

MIB = 1 << 20
# What benchmarks/RESULTS.md shows is measured in full.
IDLE_SECONDS = 40


@pytest.mark.parametrize("node", hosts.NODES)
def test_the_log_has_its_filesystem_and_the_guard_its_bounds(node: str) -> None:
    assert log_place(node)["mount"] == LOG_PLACE
    assert 200 * MIB < log_place(node)["total"] < 256 * MIB
    assert status(node)["log"]["method"] == "collapse"
    said = hosts.must(node, "systemd-analyze security --no-pager nodeops-disk.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 2.0
    assert hosts.must(node, "systemctl show -p ExecStartPre ledger").count("disk admit") == 1
    assert hosts.verb(node, "status")["guards"]["disk"] == "normal"


def test_the_guard_cannot_write_chain_data_or_read_keys() -> None:
    inside = "nsenter --mount --target $(systemctl show -p MainPID --value nodeops-disk)"
    assert "ledger.log" in hosts.must("alpha-1", f"{inside} ls {LOG_PLACE}"), "this is how its files are looked at"
    assert hosts.run("alpha-1", f"{inside} touch /var/lib/ledger/data/x").code != 0
    keys = hosts.must(
        "alpha-1", "python3 -c \"import json; print(json.load(open('/etc/nodeops/node.json'))['ledger']['paths']['keys'])\""
    )
    assert hosts.must("alpha-1", f"ls {keys.strip()}")
    assert hosts.run("alpha-1", f"{inside} ls {keys.strip()}").out == ""


def test_idle_it_is_small() -> None:
    pid = hosts.must("alpha-1", "systemctl show -p MainPID --value nodeops-disk").strip()
    if FULL:
        before = ticks(pid)
        time.sleep(IDLE_SECONDS)
        share = (ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / IDLE_SECONDS
        remember(idle_percent_of_a_core=round(100 * share, 2))
    resident = int(hosts.must("alpha-1", f"awk '/^VmRSS/ {{print $2}}' /proc/{pid}/status"))
    remember(resident_mebibytes=round(resident / 1024, 1))
    assert resident <= 40 << 10, f"{resident} KiB"


def ticks(pid: str) -> int:
    """Return what a process has had of the processor since it began, in clock ticks (proc(5), fields 14 and 15)."""
    return sum(map(int, hosts.must("alpha-1", f"cat /proc/{pid}/stat").rpartition(")")[2].split()[11:13]))


def test_the_fleet_sees_all_disks() -> None:
    said = hosts.controller("fleet", "disk", "--timeout", "60", "--json")
    assert set(said["nodes"]) == set(hosts.NODES)
    assert {one["filesystems"][0]["stage"] for one in said["nodes"].values()} == {"normal"}, said["nodes"]

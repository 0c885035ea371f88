"""A disk that others fill: the node stops in order, does not start too early, and comes back by itself. And a reboot."""

import hosts
import pytest
from conftest import FILL, LOG_PLACE, log_place, status, wait_for
from engine import container, docker
from tier import FULL

DATA_PLACE = "/var/lib/ledger"
FOREIGN = "somebody-elses"
# Below the last resort, again and again: the guard frees what it can.
LEFT_MIB = "2"
_USE_UP_INODES = """
import os, sys
folder = sys.argv[1]
os.path.ismount(os.path.dirname(folder)) or sys.exit(f"nothing is mounted at {os.path.dirname(folder)}")
os.makedirs(folder, exist_ok=True)
facts, begin = os.statvfs(folder), len(os.listdir(folder))
for number in range(max(0, facts.f_favail - facts.f_files // 100)):
    os.close(os.open(f"{folder}/{begin + number}", os.O_CREAT | os.O_WRONLY))
"""


def is_active(node: str) -> bool:
    return hosts.run(node, "systemctl is-active --quiet ledger").code == 0


def is_stopped_after(program: str, place: str) -> bool:
    hosts.script("beta-2", program, f"{place}/{FOREIGN}", LEFT_MIB)
    return bool(status("beta-2")["node_stopped"]) and not is_active("beta-2")


# What others fill. In every run the one that a guard has least time for; chain data fill up in test_quorum.py.
_OTHERS = {"log": (FILL, LOG_PLACE)}
_OTHERS |= {"chain data": (FILL, DATA_PLACE), "inodes": (_USE_UP_INODES, DATA_PLACE)} if FULL else {}


@pytest.mark.parametrize(("program", "place"), _OTHERS.values(), ids=_OTHERS)
def test_a_full_filesystem_stops_the_node_in_order_and_room_starts_it_again(program: str, place: str) -> None:
    # Where there is room to wait, as with inodes, the node stops in its turn: one of four, each 20 blocks long.
    wait_for("the guard stops the node", lambda: is_stopped_after(program, place), 240)
    assert hosts.must("beta-2", "systemctl show -p Result --value ledger").strip() in ("success", "exit-code")
    said = hosts.verb("beta-2", "disk", "status", codes=(1,))
    assert {"disk.node"} <= {one["id"] for one in said["findings"] if one["verdict"] == "fail"}
    hosts.verb("alpha-1", "ledger", "wait", "--blocks", "3", "--timeout", "240")
    refused = hosts.run("beta-2", "nodeops disk admit")
    assert refused.code == 4 and "may not start" in refused.err and place in refused.err, refused
    assert hosts.run("beta-2", "systemctl start ledger").code != 0
    hosts.must("beta-2", f"rm -r {place}/{FOREIGN}")
    wait_for("the node runs again", lambda: is_active("beta-2"), 180)
    hosts.verb("beta-2", "ledger", "wait", "--synced", "--timeout", "240")
    hosts.verb("beta-2", "ledger", "wait", "--blocks", "2", "--timeout", "240")
    wait_for("nothing says stopped", lambda: not status("beta-2")["node_stopped"], 90)
    hosts.verb("beta-2", "disk", "verify")


def test_what_is_not_ours_is_never_removed() -> None:
    sealed, elsewhere = f"{LOG_PLACE}/sealed", "/var/lib/ledger/data"
    hosts.must(
        "beta-1",
        f"nodeops disk seal && nodeops disk seal; cd {sealed} && touch notes.txt \"$(printf 'a\\nb.zst')\""
        f" && mkdir -p ledger-7.zst && ln -sfn {elsewhere} link && ln -f notes.txt other-name",
    )
    before = hosts.must("beta-1", f"ls -1b {sealed}; find {elsewhere} -name '*.db' | sort")
    segments = status("beta-1")["log"]["segments"]
    hosts.verb("beta-1", "disk", "purge", "1000")
    after = hosts.must("beta-1", f"ls -1b {sealed}; find {elsewhere} -name '*.db' | sort")
    gone = set(before.splitlines()) - set(after.splitlines())
    assert status("beta-1")["log"]["segments"] >= 1, "the newest stays"
    assert len(gone) == segments - status("beta-1")["log"]["segments"] and all(name.startswith("ledger") for name in gone), gone
    hosts.must("beta-1", f"cd {sealed} && rmdir ledger-7.zst && rm -f link notes.txt other-name a*b.zst")
    hosts.verb("beta-1", "disk", "verify")


def test_a_host_that_boots_has_its_log_its_guard_and_its_node_again() -> None:
    end = status("beta-1")["log"]["stream_end"]
    docker("restart", "--time", "30", container("beta-1"))
    hosts.wait_until_reachable("beta-1", 180)
    hosts.must("beta-1", f"systemctl is-system-running --wait; findmnt {LOG_PLACE}")
    wait_for("the guard is at work", lambda: hosts.run("beta-1", "nodeops disk check").code == 0, 180)
    hosts.verb("beta-1", "ledger", "wait", "--synced", "--timeout", "240")
    assert log_place("beta-1")["mount"] == LOG_PLACE
    assert status("beta-1")["log"]["stream_end"] >= end
    hosts.verb("beta-1", "disk", "verify")

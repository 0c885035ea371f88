"""A disk that others fill: the node stops in order, does not start too early, and comes back by itself. And a reboot."""

import hosts
from conftest import LOG_PLACE, log_place, status, wait_for
from engine import container, docker

FOREIGN = f"{LOG_PLACE}/somebody-elses"
# What is left is below the critical mark, again and again: the guard frees what it can.
_FILL = f"""
room=$(( $(stat -f -c '%a * %S' {LOG_PLACE}) ))
[ $room -lt 4194304 ] || fallocate -o $(stat -c %s {FOREIGN} 2>/dev/null || echo 0) -l $((room - 3145728)) {FOREIGN}
"""


def is_active(node: str) -> bool:
    return hosts.run(node, "systemctl is-active --quiet ledger").code == 0


def is_stopped_after_filling(node: str) -> bool:
    hosts.must(node, _FILL)
    return bool(status(node)["node_stopped"]) and not is_active(node)


def test_a_full_log_stops_the_node_in_order_and_room_starts_it_again() -> None:
    wait_for("the guard stops the node", lambda: is_stopped_after_filling("beta-2"), 120)
    assert hosts.must("beta-2", "systemctl show -p Result --value ledger").strip() in ("success", "exit-code")
    assert "graceful" in hosts.must(
        "beta-2", "tail -c 20000 /var/log/ledger/ledger.log | grep -ci 'stopping\\|graceful' && echo graceful"
    )
    said = hosts.verb("beta-2", "disk", "status", codes=(1,))
    assert {"disk.node"} <= {one["id"] for one in said["findings"] if one["verdict"] == "fail"}
    hosts.verb("alpha-1", "ledger", "wait", "--blocks", "3")
    refused = hosts.run("beta-2", "nodeops disk admit")
    assert refused.code == 4 and LOG_PLACE in refused.err and "%" in refused.err, refused
    assert hosts.run("beta-2", "systemctl start ledger", seconds=60).code != 0
    hosts.must("beta-2", f"test -f {FOREIGN} && rm {FOREIGN}")
    wait_for("the node runs again", lambda: is_active("beta-2"), 60)
    hosts.verb("beta-2", "ledger", "wait", "--synced")
    hosts.verb("beta-2", "ledger", "wait", "--blocks", "2")
    wait_for("nothing says stopped", lambda: not status("beta-2")["node_stopped"], 30)
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
    hosts.wait_until_reachable("beta-1", 60)
    hosts.must("beta-1", f"systemctl is-system-running --wait; findmnt {LOG_PLACE}")
    wait_for("the guard is at work", lambda: hosts.run("beta-1", "nodeops disk check").code == 0, 60)
    hosts.verb("beta-1", "ledger", "wait", "--synced")
    assert log_place("beta-1")["mount"] == LOG_PLACE
    assert status("beta-1")["log"]["stream_end"] >= end
    hosts.verb("beta-1", "disk", "verify")

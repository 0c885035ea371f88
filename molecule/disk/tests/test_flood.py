"""Validators that log at debug, and a flood on one of them: no filesystem gets full, the chain goes on, no line is lost."""

import random
import time

import blocks
import hosts
from conftest import assert_all_lines_are_accounted_for, flood, fullest, is_calm, log_place, remember, repeated, status, wait_for
from tier import FULL

# In full for `make test-long` and `make bench`; what `make test` takes fits on a machine that does other things too.
RATE, SECONDS, DEBUG_SECONDS = (100e6, 60, 300) if FULL else (30e6, 20, 30)
# Each goes there and back by a restart in its turn. In every run the one that is flooded, and one of the other release.
DEBUGGED = hosts.NODES if FULL else hosts.NODES[:2]
# A block a second; three of four validators share two cores with a flood.
MOST_GAP_SECONDS = 10.0
DROP_IN = "/run/systemd/system/ledger.service.d/50-nodeops-log-level.conf"
SEEN_LEVELS = "nodeops logs show --since -15s | cut -c 1 | sort | uniq -c"


def level(node: str) -> str:
    return str(hosts.verb(node, "logs", "level")["level"])


def test_a_flood_while_validators_log_at_debug() -> None:
    for node in DEBUGGED:
        hosts.verb(node, "logs", "level", "debug", "--for", f"{DEBUG_SECONDS + 120}s", "--roll", "alpha,beta")
    for node in DEBUGGED:
        hosts.verb(node, "ledger", "verify")
        assert "D" in hosts.must(node, SEEN_LEVELS), "debug lines are written"
    mark, begun = blocks.mark(), time.monotonic()
    with fullest() as most:
        written = flood("alpha-1", RATE, SECONDS)
        time.sleep(max(0.0, DEBUG_SECONDS - (time.monotonic() - begun)))
        wait_for("the guard is calm", lambda: is_calm("alpha-1"), 240)
    peak = round(max(percent for place, percent in most.items() if place.startswith("alpha-1 /var/log")), 1)
    rate = round(written["bytes"] / written["seconds"] / 1e6)
    remember(flood_megabytes_a_second=rate, flood_seconds=SECONDS, debug_seconds=DEBUG_SECONDS, fullest_percent=peak)
    remember(lines=written["lines"], slowest_write_seconds=round(written["slowest_write"], 3))
    assert max(most.values()) < 98, most
    assert written["waited_for_room"] == 0, written
    quiet = [node for node in hosts.NODES if node != "alpha-1"]
    blocks.assert_undisturbed(mark, MOST_GAP_SECONDS, quiet)
    assert hosts.must("alpha-1", "systemctl show -p NRestarts --value ledger").strip() == "0"
    assert_all_lines_are_accounted_for("alpha-1", int(written["lines"]))
    assert not status("alpha-1")["node_stopped"]


def test_the_guard_is_killed_again_and_again_during_a_flood() -> None:
    rng = random.Random(7)

    def kill() -> None:
        time.sleep(rng.random())
        hosts.run("alpha-2", "systemctl kill --kill-whom=main --signal=KILL nodeops-disk")

    before = int(hosts.must("alpha-2", "systemctl show -p NRestarts --value nodeops-disk"))
    with repeated(kill, 2.5) as kills:
        written = flood("alpha-2", 8e6, 30)
    assert len(kills) >= 5
    wait_for("the guard is at work", lambda: hosts.run("alpha-2", "nodeops disk check").code == 0, 180)
    assert int(hosts.must("alpha-2", "systemctl show -p NRestarts --value nodeops-disk")) > before
    hosts.verb("alpha-2", "disk", "seal")
    assert_all_lines_are_accounted_for("alpha-2", int(written["lines"]))


def test_what_filled_the_log_can_be_read_off() -> None:
    said = hosts.verb("alpha-1", "logs", "stats")
    assert "flood" in str(said), "the module that wrote most is named"
    assert log_place("alpha-1")["classes"]["sealed"] > 0


def test_debug_ends_by_itself_and_leaves_nothing_behind() -> None:
    """Last in this file: its time passes while the tests above are at work."""
    wait_for("every level is back", lambda: {level(node) for node in hosts.NODES} == {"info"}, 600)
    for node in hosts.NODES:
        hosts.verb(node, "ledger", "wait", "--synced", "--timeout", "240")
        hosts.verb(node, "ledger", "verify")
        assert hosts.run(node, f"test -e {DROP_IN}").code == 1

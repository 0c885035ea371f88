"""Two nodes get a filesystem for their log while they run: one after the other, and not a line is lost.

First by its name: the other tests count on a filesystem of its own for every log.
"""

import json

import blocks
import hosts
import yaml
from conftest import LOG_PLACE, log_place

MOVED = ["alpha-2", "beta-1"]
STAYED = [node for node in hosts.NODES if node not in MOVED]
CHOICES = yaml.safe_load((hosts.SCENARIO / "group_vars/all.yml").read_text(encoding="utf-8"))["nodeops_choices"]
# Each node is away for some seconds, and the others, three of four, go on.
MOST_GAP_SECONDS = 10.0
COUNTED = "nodeops logs show --grep 'committed state' | grep -o 'height=[0-9]*'"
STOPS = "systemctl show -p InactiveEnterTimestampMonotonic,ActiveEnterTimestampMonotonic ledger"


def heights(node: str) -> list[int]:
    return [int(found.partition("=")[2]) for found in hosts.must(node, COUNTED).split()]


def away(node: str) -> tuple[int, int]:
    """Return when the ledger stopped last and when it was there again, in microseconds since boot: one kernel, one clock."""
    said = dict(line.split("=") for line in hosts.must(node, STOPS).split())
    return int(said["InactiveEnterTimestampMonotonic"]), int(said["ActiveEnterTimestampMonotonic"])


def test_a_log_is_moved_while_its_ledger_runs() -> None:
    assert {log_place(node)["mount"] == LOG_PLACE for node in MOVED} == {False}
    for node in MOVED:
        hosts.verb(node, "disk", "seal")
    before, first = blocks.mark(), {node: heights(node)[0] for node in MOVED}
    words = ["--limit", ",".join(MOVED), "--extra-vars", json.dumps({"nodeops_choices": CHOICES})]
    done = hosts.play("disk.yml", *words)
    assert done.returncode == 0, done.stdout[-6000:]
    for node in MOVED:
        assert log_place(node)["mount"] == LOG_PLACE
        proof = hosts.verb(node, "disk", "verify")
        assert {one["verdict"] for one in proof["findings"]} == {"pass"}, proof
        found = heights(node)
        assert found[0] == first[node]
        assert found == list(range(found[0], found[-1] + 1)), "a line is missing, or is there twice"
        assert hosts.must(node, "find /var/lib/nodeops -name 'disk-log.moving'") == ""
    blocks.assert_no_long_gap(before, MOST_GAP_SECONDS, STAYED)
    times = sorted(away(node) for node in MOVED)
    assert times[0][1] < times[1][0], "both were away at the same time"


def test_a_second_run_changes_nothing() -> None:
    words = ["--limit", ",".join(MOVED), "--extra-vars", json.dumps({"nodeops_choices": CHOICES})]
    done = hosts.play("disk.yml", *words)
    assert done.returncode == 0 and "changed=0" in done.stdout and "changed=1" not in done.stdout, done.stdout[-3000:]


def test_the_guard_seals_where_the_log_is_now() -> None:
    for node in MOVED:
        before = len(hosts.must(node, f"find {LOG_PLACE} -name '*.zst'").split())
        hosts.verb(node, "disk", "seal")
        assert len(hosts.must(node, f"find {LOG_PLACE} -name '*.zst'").split()) > before
        assert heights(node)

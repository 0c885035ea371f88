"""On the host that came back (test_restore.py): a drill passes, by hand and by its timer's unit, and leaves nothing."""

import hosts

LOST, HOME, SCRATCH = "alpha-1", "/var/lib/ledger", "/var/lib/nodeops-drill"


def test_a_drill_passes_and_is_written_down_and_leaves_nothing() -> None:
    hosts.must(
        LOST, f"nodeops backup run; mkdir -p {SCRATCH}/var; touch {SCRATCH}/var/left-by-one-that-was-killed {SCRATCH}/file"
    )
    hosts.verb(LOST, "ledger", "wait", "--blocks", "2", "--timeout", "300")
    done = hosts.verb(LOST, "backup", "drill")
    passed = dict.fromkeys(("drill.files", "drill.signing_state", "drill.genesis", "drill.block", "drill.newest"), "pass")
    # These hosts have no admins to seal keys for.
    assert {one["id"]: one["verdict"] for one in done["findings"]} == {**passed, "drill.keys": "warn"}
    assert done["rto_seconds"] > 0 and f"{HOME}/config/genesis.json" in done["files"]
    assert hosts.must(LOST, f"ls -A {SCRATCH}") == ""
    assert "passed; back in" in last_receipt()


def last_receipt() -> str:
    return hosts.must(LOST, "tail -n 1 /var/lib/nodeops/backup/receipts.jsonl")


def test_the_timer_of_drills_has_what_its_unit_needs_and_little_more() -> None:
    done = hosts.play("../molecule/restore/timers.yml", "--limit", LOST)
    assert done.returncode == 0, done.stdout[-3000:]
    assert hosts.must(LOST, "systemctl is-active nodeops-drill.timer").strip() == "active"
    before = last_receipt()
    hosts.must(LOST, "systemctl start nodeops-drill.service")
    assert last_receipt() != before and "passed; back in" in last_receipt()
    said = hosts.must(LOST, "systemd-analyze security --no-pager nodeops-drill.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 2.5

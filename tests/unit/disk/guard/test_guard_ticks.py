"""The guard at work in a temporary folder: real files, real compression, real receipts; killed at any step of a tick."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import Refused
from nodeops.core.finding import Verdict
from nodeops.disk.guard import requests
from nodeops.disk.guard.guard import Guard
from nodeops.disk.model import Retention
from nodeops.disk.policy.policy import Policy
from nodeops.disk.verify import verified
from nodeops.disk.view import findings
from nodeops.host import extents
from nodeops.host.extents import collapse_refusal
from nodeops.receipts import book
from tests.filesystems.logs import assert_lines, line, pieces
from tests.unit.disk.guard.samples import AGES, MIB, guarded, logged
from tests.unit.host.dying import dies_before


@pytest.fixture(autouse=True)
def nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process is survived without; crashes of a filesystem are in tests/filesystems."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    if refusal := collapse_refusal(tmp_path):
        pytest.skip(f"{refusal}: set TMPDIR to a folder on ext4 or XFS")
    return guarded(tmp_path, tmp_path, calm=True, seal_bytes=MIB)


@contextmanager
def guarding(policy: Policy) -> Iterator[Guard]:
    guard = Guard(policy)
    try:
        guard.start()
        yield guard
    finally:
        guard.keeper.close()


def segments(policy: Policy) -> list[str]:
    return sorted(path.name for path in Path(policy.log.sealed).glob("*.zst"))


def status(policy: Policy) -> dict[str, object]:
    return dict(json.loads(Path(policy.status_file).read_bytes()))


def test_a_log_that_is_small_is_left_alone(policy):
    live = Path(policy.log.live)
    with guarding(policy) as guard:
        guard.tick()
        assert segments(policy) == [], "there is no log yet"
        live.write_bytes(b"".join(map(line, range(1000))))
        guard.tick()
        assert segments(policy) == []


def test_a_log_that_is_large_is_sealed(policy):
    live = Path(policy.log.live)
    with guarding(policy) as guard:
        count = logged(live, 3 * MIB)
        guard.tick()
        assert live.stat().st_size < 4096
        assert [entry.segment.name for entry in map(guard.keeper.index.by_name, segments(policy)) if entry] == segments(policy)
        assert_lines(pieces(live, Path(policy.log.sealed)), count)
    assert "by seal.bytes" in str(status(policy)["done"])
    assert status(policy)["alarms"] == []


def test_only_one_guard_holds_a_log(policy):
    with guarding(policy), pytest.raises(Refused):
        Guard(policy)
    with guarding(policy):
        pass


def sealed_often(guard: Guard, policy: Policy, times: int) -> int:
    """Make that many segments, one a tick; return how many lines were written."""
    count = 0
    for _ in range(times):
        with Path(policy.log.live).open("ab") as log:
            log.write(b"".join(map(line, range(count, count := count + 20_000))))
        guard.tick()
    return count


def test_what_retention_lets_go_is_purged_oldest_first_with_a_receipt_each(policy):
    with guarding(policy) as guard:
        sealed_often(guard, policy, 4)
    names = segments(policy)
    assert len(names) == 4
    sizes = [(Path(policy.log.sealed) / name).stat().st_size for name in names]
    short = replace(policy, log=replace(policy.log, retention=Retention(AGES, sum(sizes[2:]), 0)))
    with guarding(short) as guard:
        guard.tick()
        assert segments(policy) == names[2:]
        assert guard.keeper.index.by_name(names[0]) is None
    receipts = [(one.name, one.state) for one in book.receipts(Path(policy.receipts_file))]
    assert [name for name, state in receipts if state == "done"] == names[:2]
    assert book.verify(Path(policy.receipts_file))[2] == []
    assert "purged 2 segments" in str(status(policy)["done"])


def asked(guard: Guard, policy: Policy, **what: object) -> dict[str, object]:
    """Ask as a verb does, while the guard ticks; return its answer."""
    given = {"seal": False, "purge_bytes": 0, "dry_run": False, **what}
    answers: list[dict[str, object]] = []
    asking = threading.Thread(target=lambda: answers.append(requests.ask(Path(policy.run), seconds=60, **given)))
    asking.start()
    while asking.is_alive():
        guard.tick()
    asking.join()
    return answers[0]


def test_a_request_is_answered_and_a_dry_run_carries_nothing_out(policy):
    with guarding(policy) as guard:
        sealed_often(guard, policy, 3)
        names = segments(policy)
        said = asked(guard, policy, purge_bytes=1, dry_run=True)
        assert (names[0] in str(said["plan"]), said["done"], segments(policy)) == (True, [], names)
        said = asked(guard, policy, purge_bytes=1)
        assert segments(policy) == names[1:]
        assert "purged 1 segments" in str(said["done"])
        logged(Path(policy.log.live), MIB // 2)
        said = asked(guard, policy, seal=True)
        assert len(segments(policy)) == 3
        assert "by asked" in str(said["done"])


@contextmanager
def opened_by_another(path: Path) -> Iterator[None]:
    """Let another process have a file open for writing, not for appending."""
    hold = "import sys, time; file = open(sys.argv[1], 'r+b'); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", hold, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


def test_a_writer_that_does_not_append_keeps_a_log_from_being_sealed(policy):
    logged(Path(policy.log.live), 2 * MIB)
    with guarding(policy) as guard, opened_by_another(Path(policy.log.live)):
        guard.tick()
        assert segments(policy) == []
        assert (guard.keeper.method.kind, guard.keeper.calm) == ("refused", False)


def test_killed_at_any_step_of_a_tick_no_line_is_lost_and_receipts_are_whole(policy, stride):
    """Two ticks, of which the first seals and the second purges; each round begins with what the round before left."""
    few = replace(policy, log=replace(policy.log, seal_bytes=MIB // 4, retention=Retention(AGES, 1, 0)))
    written, gone, died, step = b"", set[str](), True, 0

    def work() -> None:
        with guarding(few) as guard:
            guard.tick()
            guard.tick()

    while died:
        more = b"".join(map(line, range(step * 8_000, (step + 1) * 8_000)))
        written += more
        with Path(policy.log.live).open("ab") as log:
            log.write(more)
        died = dies_before(step, work, also=[(os, "fsync"), (os, "pwrite"), (extents, "collapse")])
        with guarding(policy):
            assert book.verify(Path(policy.receipts_file))[2] == []
        gone = {one.name for one in book.receipts(Path(policy.receipts_file)) if one.state == "done"}
        assert not gone & set(segments(policy))
        end = max((int(name.split("-")[1].partition(".")[0], 16) for name in gone), default=0)
        assert b"".join(pieces(Path(policy.log.live), Path(policy.log.sealed), end)) == written[end:], step
        step += stride
    assert (step > 10, len(gone) > 5 // stride) == (True, True)


def gaps(policy: Policy) -> object:
    (finding,) = (one for one in findings(status(policy)) if one.id == "disk.gaps")
    return finding.verdict


def test_a_log_that_somebody_truncates_is_a_loss_at_once_however_much_is_written_after_it(policy):
    live = Path(policy.log.live)
    with guarding(policy) as guard:
        logged(live, MIB // 2)
        guard.tick()
        guard.tick()
        assert gaps(policy) is Verdict.PASS
        # What logrotate does by `copytruncate`: the same file, without its bytes.
        os.truncate(live, 0)
        guard.tick()
        assert gaps(policy) is Verdict.FAIL
        assert "LOST: the log was shortened: at least " in str(status(policy)["done"])
        assert guard.keeper.journal.record.gaps_total == 1
    verdicts = {one.id: one.verdict for one in verified(policy).findings}
    assert verdicts["disk.gaps"] is Verdict.FAIL


def test_a_guard_that_begins_anew_knows_how_large_the_log_was(policy):
    live = Path(policy.log.live)
    with guarding(policy) as guard:
        logged(live, MIB // 4)
        guard.tick()
        logged(live, MIB // 4)
        guard.tick()
    os.truncate(live, 0)
    with guarding(policy) as guard:
        guard.tick()
        assert gaps(policy) is Verdict.FAIL

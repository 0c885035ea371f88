"""The guard itself, tick by tick, on filesystems without a free byte: it makes room without losing a line."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from nodeops.disk.guard import ballast
from nodeops.disk.guard.guard import Guard
from nodeops.disk.model import Retention
from nodeops.disk.policy.policy import LogPolicy, Policy
from nodeops.disk.policy.stages import last_resort, thresholds
from nodeops.host.usage import filesystems
from tests.filesystems.disks import disk
from tests.filesystems.logs import assert_lines, filled, left_free, line, pieces

MIB = 1 << 20


@pytest.fixture(params=["ext4", "xfs"])
def loop(request, tmp_path):
    with disk(request.param, tmp_path) as made:
        yield made


def policy(loop, tmp_path) -> Policy:
    logs, state, run = loop.folder / "logs", tmp_path / "state", tmp_path / "run"
    for folder in (logs / "sealed", state, run):
        folder.mkdir(parents=True)
    log = LogPolicy(
        f"{logs}/ledger.log", f"{logs}/sealed", "none", "", "", 64 * MIB, 3600.0, Retention(90 * 86400.0, 20 << 30, 0)
    )
    return Policy(
        node="mak-1",
        unit="nodeops-nothing.service",
        log=log,
        watched={"log": str(logs), "data": str(logs)},
        classes={"ledger_log": [str(logs)], "sealed": [f"{logs}/sealed"]},
        protected=[],
        ballast=[str(logs)],
        ballast_bytes=16 * MIB,
        thresholds=thresholds({}),
        last_resort=last_resort(),
        journal_bytes=MIB,
        state=str(state),
        run=str(run),
        status_file=f"{run}/status.json",
        quorum_file=f"{run}/quorum.json",
        journal_file=f"{state}/ledger.journal",
        acks_file=f"{state}/acks.jsonl",
        hidden=str(tmp_path / "keys"),
        agent=str(tmp_path),
        document=str(tmp_path),
    )


def logged(path: Path, size: int) -> int:
    """Write a log of numbered lines; return how many."""
    count = 0
    with path.open("ab") as log:
        while log.tell() < size:
            log.write(b"".join(map(line, range(count, count + 1000))))
            count += 1000
        os.fsync(log.fileno())
    return count


def full(folder: Path) -> Path:
    """Take every block that can be had; return the file that has them."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        for size in (16 * MIB, MIB, 4096):
            with suppress(OSError):
                while True:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
        with suppress(OSError):
            while True:
                os.write(file.fileno(), bytes(4096))
    return filler


def test_a_disk_without_a_free_byte_is_sealed_with_the_ballast(loop, tmp_path):
    chosen = policy(loop, tmp_path)
    live, sealed = Path(chosen.log.live), Path(chosen.log.sealed)
    (place,) = filesystems([live.parent])
    assert ballast.restore(live.parent, place, 75.0, chosen.ballast_bytes)
    count = logged(live, 60 * MIB)
    guard = Guard(chosen)
    guard.start()
    # The other file was given back when it filled, and somebody has that room too.
    assert ballast.release(live.parent)
    filler = full(loop.folder)
    for _ in range(5):
        guard.tick()
    assert live.stat().st_size < MIB, guard.done
    assert left_free(loop.folder) > 40 * MIB
    guard.keeper.close()
    assert_lines(pieces(live, sealed), count)
    status = json.loads(Path(chosen.status_file).read_text())
    assert any("of ballast to seal on a full disk" in text for text in status["done"]), status["done"]
    assert filler.exists(), "what is not ours stays"


def test_the_last_ballast_where_the_log_is_stays_for_that(loop, tmp_path):
    chosen = policy(loop, tmp_path)
    live = Path(chosen.log.live)
    (place,) = filesystems([live.parent])
    ballast.restore(live.parent, place, 75.0, chosen.ballast_bytes)
    logged(live, 1000)
    guard = Guard(chosen)
    guard.start()
    filled(loop.folder, place.total * 3 // 100)
    for _ in range(4):
        guard.tick()
    assert len(ballast.present(live.parent)) == 1, guard.done
    guard.keeper.close()

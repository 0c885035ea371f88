"""The guard itself, tick by tick, on filesystems without a free byte: it makes room without losing a line."""

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.disk.guard import ballast
from nodeops.disk.guard.guard import Guard
from nodeops.host.usage import filesystems
from tests.filesystems.disks import disk
from tests.filesystems.logs import assert_lines, filled, left_free, pieces
from tests.unit.disk.guard.samples import MIB, guarded, logged
from tests.unit.host.little_systemd import UNIT, LittleSystemd


@pytest.fixture(params=["ext4", "xfs"])
def loop(request, tmp_path):
    with disk(request.param, tmp_path) as made:
        yield made


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
    chosen = guarded(loop.folder, tmp_path)
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
    chosen = guarded(loop.folder, tmp_path)
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


def test_a_disk_that_takes_no_file_does_not_keep_the_node_running(loop, tmp_path, monkeypatch):
    """State, log and chain data lie on it: the mark that the guard leaves finds no room either."""
    made = LittleSystemd(tmp_path, "sleep 1000")
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    subprocess.run(["systemctl", "restart", UNIT], check=True)
    chosen = replace(guarded(loop.folder, loop.folder, unit=UNIT), ballast=[], run=str(tmp_path), status_file=f"{tmp_path}/said")
    guard = Guard(chosen)
    guard.start()
    try:
        filler = full(loop.folder)
        guard.tick()
        assert not made.is_running(), guard.hands.alarms
        filler.unlink()
        for _ in range(2):
            guard.tick()
        assert f"start {UNIT}" in (made.root / "asked").read_text(), (guard.done, guard.hands.alarms)
    finally:
        guard.keeper.close()
        made.end()

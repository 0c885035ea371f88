"""Backups and restores that are killed at random moments, with the real engine: what is whole stays whole, the next run ends."""

import ctypes
import json
import random
import shutil
import socket
import subprocess
import sys
import time

import psutil
import pytest

from nodeops.backup.policy import may_clear
from nodeops.backup.restic import Restic
from tests.tiers import sizes, slow
from tests.unit.backup.samples import SECRET

pytestmark = [slow, pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: make test-tools")]

# linux/prctl.h: PR_SET_CHILD_SUBREAPER.
_SUBREAPER = 36
# A backup as the verb makes it, of a folder in which something is new each time.
BACKUP = """
import json, os, sys
from pathlib import Path
from nodeops.backup.policy import may_clear
from nodeops.backup.restic import Restic
settings, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
(folder / "new").write_bytes(os.urandom(3_000_000))
Restic(settings).backup([str(folder)], "cu-1", {"class": "b"})
"""
# What a drill and a restore ask of the engine.
RESTORE = """
import json, shutil, sys
from pathlib import Path
from nodeops.backup.restic import Restic
engine, back = Restic(json.loads(sys.argv[1])), Path(sys.argv[2])
shutil.rmtree(back, ignore_errors=True)
engine.restore(engine.snapshots("cu-1")[-1].id, back)
"""
# The moments are the same in every run; where they fall in the work is the machine's.
SEED = 16
# A process may end before its kill; one in ten that does not is as good as endless.
MOST_TRIES = 10


@pytest.mark.parametrize("kills", sizes(6, 100))
def test_nothing_whole_is_lost_and_the_next_run_completes(tmp_path, empty_repository, kills):
    settings = copied(empty_repository, tmp_path / "repository")
    engine = Restic(settings)
    (tmp_path / "state").mkdir()
    argv = [sys.executable, "-c", BACKUP, json.dumps(settings), str(tmp_path / "state")]
    began = time.monotonic()
    subprocess.run(argv, check=True)
    whole, took = {one.id for one in engine.snapshots("cu-1")}, time.monotonic() - began
    for _ in kills_of(kills, argv, 0.2, took):
        now = {one.id for one in engine.snapshots("cu-1")}
        assert whole <= now
        whole = now
    subprocess.run(argv, check=True)
    newest = engine.snapshots("cu-1")[-1].id
    assert newest not in whole
    # As `nodeops backup verify` does before it looks.
    if may_clear(engine.locks(socket.gethostname()), socket.gethostname()):
        engine.clear_stale_locks()
    assert engine.check() == ""
    engine.restore(newest, tmp_path / "back")
    assert (tmp_path / "back" / str(tmp_path / "state/new").lstrip("/")).read_bytes() == (tmp_path / "state/new").read_bytes()


@pytest.mark.parametrize("kills", sizes(6, 100))
def test_a_restore_that_is_killed_leaves_the_repository_as_it_was_and_the_next_one_is_whole(tmp_path, empty_repository, kills):
    settings = copied(empty_repository, tmp_path / "repository")
    engine = Restic(settings)
    files = {tmp_path / f"state/{number}": random.Random(number).randbytes(200_000) for number in range(40)}
    (tmp_path / "state").mkdir()
    for path, content in files.items():
        path.write_bytes(content)
    engine.backup([str(tmp_path / "state")], "cu-1", {"class": "b"})
    before, argv = tree(tmp_path / "repository"), [sys.executable, "-c", RESTORE, json.dumps(settings), str(tmp_path / "back")]
    began = time.monotonic()
    subprocess.run(argv, check=True)
    for _ in kills_of(kills, argv, 0.3, time.monotonic() - began):
        pass
    assert tree(tmp_path / "repository") == before
    subprocess.run(argv, check=True)
    back = {tmp_path / "back" / str(path).lstrip("/"): content for path, content in files.items()}
    assert tree(tmp_path / "back") == back
    assert engine.check() == ""


@pytest.mark.parametrize(
    ("argv", "took"), [(["true"], 60), (["sleep", "60"], 0.05)], ids=["one that always ends first", "one that never does"]
)
def test_the_kills_come_to_an_end(argv, took):
    tried = kills_of(3, argv, 0.9, took)
    if argv == ["true"]:
        with pytest.raises(pytest.fail.Exception, match="0 of 3 kills"):
            list(tried)
    else:
        assert list(tried) == [True] * 3


def kills_of(kills, argv, earliest, took):
    """Try until so many kills met a process at work, and say of each try whether it did. Fail where too many come late.

    A machine that was busy when it was measured may not be any more: after one that comes late, the next comes earlier.
    """
    met, chance = 0, random.Random(SEED)
    for _ in range(MOST_TRIES * kills):
        hit = killed_at(argv, chance.uniform(earliest, 1.0) * took)
        met += hit
        took *= 1.0 if hit else 0.9
        yield hit
        if met == kills:
            return
    pytest.fail(f"only {met} of {kills} kills met it at work: it takes less than the {took:.2f} s that were measured")


def copied(repository, at):
    """Copy a repository; return the settings of the copy."""
    shutil.copytree(repository, at)
    return {"RESTIC_PASSWORD": SECRET, "RESTIC_REPOSITORY": str(at)}


def tree(folder):
    """Return every file of a folder with its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed_at(argv, seconds):
    """Begin a backup and kill all of it after some seconds; tell whether it was still at work.

    What is orphaned comes to this process, which asks how it ended: not every init does, and restic takes the rest for alive.
    """
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    with subprocess.Popen(argv, start_new_session=True) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            for orphan in psutil.Process().children():
                orphan.kill()
                orphan.wait()
            return True
        finally:
            ctypes.CDLL(None).prctl(_SUBREAPER, 0)
    return False

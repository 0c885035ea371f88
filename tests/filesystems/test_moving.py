"""A log is moved to a filesystem of its own: killed at any step, it is there once, and the next call ends what was begun."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.disk.log_filesystem import moving
from nodeops.disk.log_filesystem.moving import Target, going_on_in_the_copy, move
from nodeops.logstore.cut import followed
from nodeops.logstore.intents import Journal, Record, open_journal
from nodeops.logstore.seal import drain
from nodeops.logstore.source import opened
from tests.filesystems.disks import Disk, child, disk, ended
from tests.filesystems.logs import STREAM, assert_lines, line, pieces

CONTENT = {"ledger.log": b"line\n" * 1000, "sealed/a.zst": b"sealed", "sealed/b.zst": b"too"}
# What ends a process without any clean-up, in front of one of the calls that change something.
CALLS = ("mkdir", "chown", "unlink", "rmdir")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Disk]:
    with disk("ext4", tmp_path, 32 << 20) as made:
        made.umount()
        yield made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "log"
    (folder / "sealed").mkdir(parents=True)
    folder.chmod(0o750)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    yield folder
    subprocess.run(["umount", folder], check=False, capture_output=True)


def moved(log: Path, loop: Disk, switch: Callable[[Disk, Path], None] | None = None) -> None:
    target = Target(str(loop.image), "loop,noatime", log.parent / "aside")
    move(log, target, log.parent / "mark", lambda: (switch or mount)(loop, log))


def mount(loop: Disk, folder: Path) -> None:
    subprocess.run(["mount", "-o", "loop", loop.image, folder], check=True)


def content(log: Path) -> dict[str, bytes]:
    found = (one for one in log.rglob("*") if one.is_file())
    return {str(one.relative_to(log)): one.read_bytes() for one in found}


def below(log: Path) -> list[str]:
    """Return what lies below the mount."""
    subprocess.run(["umount", log], check=True)
    return [one.name for one in log.iterdir()]


def test_all_of_it_is_on_the_new_filesystem_and_nothing_below(log, loop):
    moved(log, loop)
    assert log.is_mount() and content(log) == CONTENT
    assert log.stat().st_mode & 0o777 == 0o750
    assert not (log.parent / "mark").exists() and not (log.parent / "aside").exists()
    assert below(log) == []


def test_killed_before_any_step_it_is_there_and_the_next_call_ends_it(log, loop):
    left: list[int] = []
    for step in range(60):
        code = ended(child(partial(until, step, log, loop)))
        assert content(log) == CONTENT, step
        if not log.is_mount() and not goes_on(log, loop):
            left.append(step)
        subprocess.run(["umount", log], check=step not in left)
        if code == 0:
            # Once: just before the mount, when a whole copy is there without a mark.
            assert step > 8 and len(left) == 1, left
            return
        assert code == 7
        again(log, loop)
    pytest.fail("more steps than expected")


def goes_on(log: Path, loop: Disk) -> bool:
    """Move again after the node went on for a while; tell whether that was done, or was left to a person untouched."""
    (log / "later").write_bytes(b"new")
    (log / "sealed/a.zst").unlink()
    expected = {name: data for name, data in CONTENT.items() if name != "sealed/a.zst"} | {"later": b"new"}
    try:
        moved(log, loop)
    except Refused:
        assert content(log) == expected and not log.is_mount()
        return False
    assert content(log) == expected and log.is_mount()
    return True


def until(step: int, log: Path, loop: Disk) -> None:
    """Move, and end before the call with that number."""
    counted = iter(range(1000))

    def counting(real):
        def call(*given, **named):
            if next(counted) == step:
                os._exit(7)
            return real(*given, **named)

        return call

    for name in CALLS:
        setattr(os, name, counting(getattr(os, name)))
    moving.run = counting(moving.run)
    moved(log, loop, counting(mount))


def again(log: Path, loop: Disk) -> None:
    """Begin anew: the log as it was, and a filesystem without anything."""
    subprocess.run(["umount", log.parent / "aside"], check=False, capture_output=True)
    (log.parent / "mark").unlink(missing_ok=True)
    subprocess.run(["rm", "-rf", log], check=True)
    (log / "sealed").mkdir(parents=True)
    for name, data in CONTENT.items():
        (log / name).write_bytes(data)
    subprocess.run(["mkfs.ext4", "-q", "-F", loop.image], check=True)


def test_logs_of_another_time_are_never_written_over(log, loop):
    loop.mount()
    (loop.folder / "ledger.log").write_bytes(b"of another time")
    loop.umount()
    with pytest.raises(Refused, match="logs lie here"):
        moved(log, loop)
    assert content(log) == CONTENT and not log.is_mount()
    for name in CONTENT:
        (log / name).unlink()
    (log / "sealed").rmdir()
    moved(log, loop)
    assert content(log) == {"ledger.log": b"of another time"}


def test_a_filesystem_that_is_too_small_changes_nothing(log, loop):
    (log / "big").write_bytes(b"x" * (40 << 20))
    before = content(log)
    with pytest.raises(HostError, match="No space left"):
        moved(log, loop)
    assert content(log) == before and not log.is_mount()
    (log / "big").unlink()
    moved(log, loop)
    assert content(log) == CONTENT


def test_links_are_moved_as_links_and_nothing_behind_them_is_removed(log, loop, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/kept").write_bytes(b"kept")
    (log / "folder").symlink_to(tmp_path / "elsewhere")
    (log / "file\nname").symlink_to(tmp_path / "elsewhere/kept")
    moved(log, loop)
    assert (log / "folder").readlink() == tmp_path / "elsewhere"
    assert below(log) == []
    assert (tmp_path / "elsewhere/kept").read_bytes() == b"kept"


def test_the_stream_goes_on_in_the_copy(tmp_path, log, loop):
    for name in CONTENT:
        (log / name).unlink()
    live, sealed = log / "node.log", log / "sealed"
    written = b"".join(map(line, range(9000)))
    live.write_bytes(written)
    with open_journal(tmp_path / "journal", STREAM, sealed) as journal:
        # The folder of this test may lie where blocks cannot be taken out of a file: the stream is all of it live then.
        journal.write(followed_once(live, journal))
        with going_on_in_the_copy(live, sealed, journal):
            moved(log, loop)
        with live.open("ab") as file:
            file.write(b"".join(map(line, range(9000, 18000))))
        assert list(drain(live, sealed, journal, STREAM, 0, time.time))
        assert journal.record.gaps_total == 0
    assert_lines(pieces(live, sealed), 18000)


def followed_once(live: Path, journal: Journal) -> Record:
    with opened(live, writing=False) as source:
        return followed(source, journal, time.time())

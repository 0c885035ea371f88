"""Ballast is taken while there is room, given back one by one, and never mistaken for somebody's data."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.errors import HostError, Refused
from nodeops.disk.guard import ballast
from nodeops.disk.guard.ballast import NAMES, _is_empty, is_room, present, release, restore, size_of
from nodeops.host.filesystem import Filesystem
from tests.unit.disk.purge.samples import fill, mounted

MIB = 1 << 20
SIZE = 1 << 16


def filesystem(free: int, total: int = 100 * SIZE) -> Filesystem:
    return Filesystem("/disk", 1, "ext4", total, free, 0, 0)


ROOMY = filesystem(50 * SIZE)
SIZES = [(0, 0), (4095 * 100, 0), (256 * MIB, 655 * 4096), (100 << 30, 1 << 30), (10 << 40, 1 << 30)]


@pytest.mark.parametrize(("total", "size"), SIZES)
def test_one_percent_and_no_more_than_one_gibibyte(total, size):
    assert size_of(total) == size


@pytest.mark.parametrize(
    ("free", "missing", "room"), [(90, 1, True), (26, 1, False), (27, 1, True), (40, 10, True), (39, 10, False)]
)
def test_room_is_four_times_as_much_and_below_the_watch_mark(free, missing, room):
    assert is_room(filesystem(free, 100), missing, 75.0) is room


@settings(max_examples=50)
@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50), st.floats(1, 99))
def test_ballast_never_reaches_the_watch_mark(total, free, watch):
    free = min(free, total)
    missing = 2 * size_of(total)
    if missing and is_room(filesystem(free, total), missing, watch):
        assert filesystem(free - missing, total).used_percent < watch


def test_two_files_are_taken_and_given_back_one_by_one(tmp_path):
    assert restore(tmp_path, ROOMY, 75.0) == 2 * SIZE
    assert restore(tmp_path, ROOMY, 75.0) == 0
    assert present(tmp_path) == dict.fromkeys(NAMES, SIZE)
    facts = [(tmp_path / name).stat() for name in NAMES]
    assert [(entry.st_size, entry.st_blocks * 512, oct(entry.st_mode)) for entry in facts] == [(SIZE, SIZE, "0o100600")] * 2
    assert release(tmp_path) == SIZE
    assert [path.name for path in tmp_path.iterdir()] == [NAMES[0]]
    assert release(tmp_path) == SIZE
    assert release(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("free", "taken"), [(30, 2), (27, 1), (26, 0)])
def test_nothing_is_taken_beyond_the_watch_mark(tmp_path, free, taken):
    assert restore(tmp_path, filesystem(free * SIZE), 75.0) == taken * SIZE


def test_a_filesystem_too_small_for_any_has_none(tmp_path):
    assert restore(tmp_path, filesystem(4000, 4096), 75.0) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_crash_left_short_is_completed(tmp_path):
    (tmp_path / NAMES[0]).touch()
    assert restore(tmp_path, ROOMY, 75.0) == 2 * SIZE
    assert present(tmp_path) == dict.fromkeys(NAMES, SIZE)


def test_a_file_without_its_space_is_filled(tmp_path):
    with (tmp_path / NAMES[0]).open("wb") as file:
        file.truncate(SIZE)
    assert restore(tmp_path, ROOMY, 75.0) == 2 * SIZE
    assert (tmp_path / NAMES[0]).stat().st_blocks * 512 == SIZE


def test_written_zeros_are_ballast_too(tmp_path):
    (tmp_path / NAMES[0]).write_bytes(bytes(3 * MIB))
    assert release(tmp_path) == 3 * MIB


def test_written_zeros_are_read_once_and_again_when_the_file_changed(tmp_path, monkeypatch):
    """It is asked each second: a copy of a host has a gigabyte of written zeros. What is given back is always read."""
    looked = []
    monkeypatch.setattr(ballast, "_is_empty", lambda *words: looked.append(words) or _is_empty(*words))
    file = tmp_path / NAMES[0]
    file.write_bytes(bytes(3 * MIB))
    for _ in range(3):
        assert present(tmp_path) == {NAMES[0]: 3 * MIB}
    assert len(looked) == 1
    seen = file.stat().st_ctime_ns
    with file.open("r+b") as opened:
        opened.write(b"key")
    # The kernel's stamps are some milliseconds apart.
    while file.stat().st_ctime_ns == seen:
        os.utime(file)
    with pytest.raises(Refused, match="holds data"):
        present(tmp_path)
    file.write_bytes(bytes(3 * MIB))
    assert present(tmp_path)
    looked.clear()
    assert release(tmp_path) == 3 * MIB
    assert len(looked) == 1


STRANGE: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: (path.with_name("key").write_text("key"), path.symlink_to("key")),
    "a hard link": lambda path: (path.with_name("key").write_text("key"), os.link(path.with_name("key"), path)),
    "a second name": lambda path: (path.touch(), os.link(path, path.with_name("second"))),
    "data": lambda path: path.write_bytes(b"key"),
    "data after zeros": lambda path: path.write_bytes(bytes(2 * MIB) + b"key"),
    "data after a hole": lambda path: sparse(path),
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
}


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.seek(20 << 30)
        file.write(b"key")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_what_is_not_ours_is_refused_and_stays(tmp_path, make, name):
    make(tmp_path / name)
    before = sorted((path.name, _facts(path)) for path in tmp_path.iterdir())
    for act in (lambda: release(tmp_path), lambda: present(tmp_path), lambda: restore(tmp_path, filesystem(0), 75.0)):
        with pytest.raises(Refused):
            act()
    assert before == sorted((path.name, _facts(path)) for path in tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_of_another_user_is_refused(tmp_path):
    (tmp_path / NAMES[0]).touch()
    os.chown(tmp_path / NAMES[0], 12345, 0)
    with pytest.raises(Refused, match="of this user"):
        release(tmp_path)


def test_a_folder_behind_a_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(Refused, match="symbolic link"):
        restore(tmp_path / "link", ROOMY, 75.0)


def test_space_that_cannot_be_taken_whole_is_given_back(tmp_path):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        with pytest.raises(HostError, match="No space left"):
            restore(disk, filesystem(300 * MIB, 400 * MIB), 75.0)
        assert list(disk.iterdir()) == []


def test_a_full_disk_has_room_again(tmp_path):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        restore(disk, ROOMY, 75.0)
        fill(disk)
        with pytest.raises(OSError, match="No space left"):
            (disk / "more").write_bytes(b"x")
        assert release(disk) == SIZE
        (disk / "more").write_bytes(b"x" * SIZE)


def _facts(path: Path) -> tuple[object, ...]:
    """Return what a change would change: not when it was read last."""
    facts = path.lstat()
    return (*facts[:7], facts.st_mtime_ns)

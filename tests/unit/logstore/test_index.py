"""The index of segments: a cache that may be lost, corrupt, locked or without room, and memory that stays right."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.logstore import index as module
from nodeops.logstore import segment
from nodeops.logstore.index import Index, open_or_rebuild
from nodeops.logstore.naming import Segment
from nodeops.logstore.segment import Label


def put(folder: Path, number: int, stream: str = "node") -> Segment:
    """Write the segment of the hundred bytes with this number."""
    source, target = os.open(folder, os.O_RDWR | os.O_TMPFILE), os.open(folder, os.O_RDONLY)
    try:
        os.write(source, f"{number:99d}\n".encode())
        return segment.write(target, source, Label(stream, number * 100, number * 100 + 100, number, number + 1))
    finally:
        os.close(source)
        os.close(target)


@pytest.fixture(autouse=True)
def nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sealed").mkdir()
    return tmp_path / "sealed"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


def opened(path: Path, folder: Path) -> Index:
    return open_or_rebuild(path, [folder])


def test_what_was_added_is_there_after_a_restart(path, folder):
    index = opened(path, folder)
    made = [put(folder, number) for number in (2, 0, 1)] + [put(folder, 0, "other")]
    for one in made:
        index.add(one, folder)
    (folder / made[1].name).unlink()
    index.remove(made[1].name)
    for each in (index, opened(path, folder)):
        assert each.all() == [made[2], made[0], made[3]]
        assert each.all("node") == [made[2], made[0]]
        assert each.total_bytes() == sum(one.size for one in (made[2], made[0], made[3]))
        assert each.total_bytes("other") == made[3].size
        entry = each.by_name(made[0].name)
        assert entry is not None
        assert entry.folder == str(folder)
        assert each.by_name(made[1].name) is None


def test_known_files_are_not_read_again(path, folder, monkeypatch):
    made = put(folder, 0)
    opened(path, folder)
    monkeypatch.setattr(segment, "describe_open", lambda *_: pytest.fail("was read"))
    assert opened(path, folder).all() == [made]


def corrupt(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + os.urandom(5000))


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def other_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript("drop table segments; create table segments (a); pragma user_version = 1;")


def later_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma user_version = 99")


DAMAGES = [corrupt, half, other_schema, later_version, Path.unlink, lambda path: path.write_bytes(b"no database")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_made_again_from_the_segments(path, folder, damage):
    made = [put(folder, number) for number in range(3)]
    opened(path, folder)
    damage(path)
    assert opened(path, folder).all() == made
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from segments").fetchone() == (3,)


def test_until_all_is_read_it_says_so(path, folder):
    made = [put(folder, number) for number in range(4)]
    index = open_or_rebuild(path, [folder], most_bytes=1)
    assert (index.rebuilding, index.all()) == (True, made[:1])
    index.go_on(made[1].size + 1)
    assert (index.rebuilding, index.all()) == (True, made[:3])
    index.go_on(1)
    assert (index.rebuilding, index.all()) == (False, made)
    assert (folder / made[0].name).exists()


def test_a_segment_that_the_index_missed_is_found_and_one_that_is_gone_is_forgotten(path, folder):
    made = [put(folder, number) for number in range(3)]
    opened(path, folder)
    (folder / made[0].name).unlink()
    late = put(folder, 3)
    assert opened(path, folder).all() == [made[1], made[2], late]


def test_a_file_of_another_length_is_read_again(path, folder):
    made = put(folder, 0)
    opened(path, folder)
    os.truncate(folder / made.name, 100)
    index = opened(path, folder)
    assert (index.all(), index.strange) == ([], {made.name: "is no segment, or its end is missing"})
    assert (folder / made.name).exists()


def test_what_only_looks_like_a_segment_is_told_and_left_alone(path, folder):
    name = f"node.{0:016x}-{100:016x}.zst"
    (folder / name).symlink_to("/etc/passwd")
    (folder / "node.log").write_bytes(b"not ours")
    (folder / f".{name}.tmp").write_bytes(b"not whole")
    index = opened(path, folder)
    assert (index.all(), list(index.strange), index.rebuilding) == ([], [name], False)
    assert len(list(folder.iterdir())) == 3


def test_while_another_process_writes_memory_stays_right_and_it_is_saved_later(path, folder):
    index = opened(path, folder)
    index.add(put(folder, 0), folder)
    with closing(sqlite3.connect(path)) as other:
        other.execute("begin exclusive")
        with pytest.raises(HostError, match="the index cannot be saved: database is locked"):
            index.add(put(folder, 1), folder)
        with pytest.raises(HostError, match="the index cannot be read: database is locked"):
            opened(path, folder)
        assert len(index.all()) == 2
    index.save()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from segments").fetchone() == (2,)


def test_one_that_is_corrupted_under_it_is_made_again(path, folder):
    index = opened(path, folder)
    made = [put(folder, number) for number in range(2)]
    index.add(made[0], folder)
    corrupt(path)
    index.add(made[1], folder)
    assert opened(path, folder).all() == made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a real filesystem of 128 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("when", ["before it is made", "after it was made"])
def test_on_a_full_disk_memory_stays_right_and_it_is_saved_when_there_is_room(small_disk, folder, when):
    path, made = small_disk / "index.sqlite", [put(folder, 0)]
    if when == "after it was made":
        opened(path, folder)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    index = opened(path, folder)
    with pytest.raises(HostError, match="the index cannot be saved"):
        for number in range(1, 300):
            made.append(replace(made[0], start=number * 100, end=number * 100 + 100, name=f"n{number}"))
            index.add(made[-1], folder)
    assert index.all() == made
    filler.unlink()
    index.save()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from segments").fetchone() == (len(made),)

"""What is kept of each node: within its bound of a day and of days, the first lines and not the last, and harmless to read."""

import errno
import os
from pathlib import Path

import pytest

from nodeops.log_host import store as module
from nodeops.log_host.store import Bounds, Store

DAY = 86400
NOON = 1_795_953_600  # 2026-11-29 12:00:00 UTC
MARK = "lines of the node are left out"


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def made(folder, clock, days=3, bytes_a_day=4096, min_free_bytes=0):
    return Store(folder, Bounds(days, bytes_a_day, min_free_bytes), clock)


def kept(folder, node="a-1", day="2026-11-29"):
    return (folder / node / f"{day}.log").read_text(encoding="utf-8")


def test_each_node_has_its_own_file_of_a_day(tmp_path, clock):
    store = made(tmp_path, clock)
    store.add("a-1", [b"one", b"two\n"])
    store.add("a-2", [b"<13>1 says it is a-1"])
    clock.now += DAY
    store.add("a-1", [b"three"])
    assert kept(tmp_path) == "2026-11-29T12:00:00Z one\n2026-11-29T12:00:00Z two\n"
    assert kept(tmp_path, "a-2") == "2026-11-29T12:00:00Z <13>1 says it is a-1\n"
    assert kept(tmp_path, day="2026-11-30") == "2026-11-30T12:00:00Z three\n"


def test_nothing_in_a_line_steers_a_terminal_or_makes_a_second_line(tmp_path, clock):
    made(tmp_path, clock).add("a-1", ["a\x1b[2Jb\n2026-11-29T12:00:00Z forged\r\x00\u202e é".encode(), b"\xff"])
    first, second = kept(tmp_path).splitlines()
    assert first.endswith(r"a\x1b[2Jb\n2026-11-29T12:00:00Z forged\r\x00\u202e é")
    assert second.endswith(r"\xff")


def test_a_flood_stays_within_the_bound_and_does_not_push_out_what_was_there(tmp_path, clock):
    store = made(tmp_path, clock)
    store.add("a-1", [b"the intruder logs in"])
    for _ in range(50):
        store.add("a-1", [b"x" * 900] * 10)
    store.add("a-2", [b"is not flooded"])
    text = kept(tmp_path)
    assert "the intruder logs in" in text.splitlines()[0]
    assert text.count(MARK) == 1
    assert len(text.encode()) <= 4096
    assert store.today["a-1"].left_out == 500 - text.count("x" * 900)
    assert "is not flooded" in kept(tmp_path, "a-2")
    assert store.today["a-2"].left_out == 0


@pytest.mark.parametrize("length", range(3600, 4096, 7))
def test_whatever_the_lengths_the_bound_is_the_bound(tmp_path, clock, length):
    store = made(tmp_path, clock)
    for one in (length, 300, 200, 100, 50, 10, 1):
        store.add("a-1", [b"x" * one])
    assert len(kept(tmp_path).encode()) <= 4096


def test_a_new_process_knows_how_full_a_day_is(tmp_path, clock):
    for _ in range(20):
        made(tmp_path, clock).add("a-1", [b"x" * 900])
    assert 3600 < len(kept(tmp_path).encode()) <= 4096


def test_what_was_left_out_is_counted_over_all_days_and_of_each_node_alone(tmp_path, clock):
    store = made(tmp_path, clock)
    for day in (1, 2):
        store.add("a-1", [b"x" * 900] * 10)
        store.add("a-2", [b"x"])
        assert store.left_out_ever("a-1") == 6 * day
        assert store.today["a-1"].left_out == 6
        clock.now += DAY
    assert (store.left_out_ever("a-2"), store.left_out_ever("a-3")) == (0, 0)


def test_only_the_newest_days_stay_also_of_nodes_that_left(tmp_path, clock):
    store = made(tmp_path, clock)
    for _ in range(5):
        store.add("a-1", [b"x"])
        store.add("left", [b"x"])
        clock.now += DAY
    store.add("a-1", [b"x"])
    assert sorted(file.name for file in (tmp_path / "a-1").iterdir()) == ["2026-12-02.log", "2026-12-03.log", "2026-12-04.log"]
    assert len(list((tmp_path / "left").iterdir())) == 3


def test_a_clock_that_jumps_ahead_and_back_costs_no_more_than_a_day(tmp_path, clock):
    store = made(tmp_path, clock)
    for day in (0, 1, 1000, 2):
        clock.now = NOON + day * DAY
        store.add("a-1", [b"x"])
    assert [file.name for file in sorted((tmp_path / "a-1").iterdir())] == ["2026-11-30.log", "2026-12-01.log", "2029-08-25.log"]


def test_a_clock_that_went_back_behind_all_days_costs_no_line_and_blames_nobody(tmp_path, clock):
    store = made(tmp_path, clock)
    for _ in range(4):
        store.add("a-1", [b"x"])
        clock.now += DAY
    clock.now = NOON - 400 * DAY
    for word in (b"one", b"two", b"three"):
        store.add("a-1", [word])
    assert [line.split(" ", 1)[1] for line in kept(tmp_path, day="2025-10-25").splitlines()] == ["one", "two", "three"]
    assert store.left_out_ever("a-1") == 0


def test_a_disk_that_fills_keeps_what_it_must_keep_free(tmp_path, clock):
    store = made(tmp_path, clock, min_free_bytes=1 << 60)
    store.add("a-1", [b"x"] * 5)
    store.add("a-1", [b"x"] * 5)
    assert kept(tmp_path).count("\n") == 1
    assert MARK in kept(tmp_path)
    assert store.today["a-1"].left_out == 10


def test_what_cannot_be_written_whole_is_left_out_whole(tmp_path, clock, monkeypatch):
    store = made(tmp_path, clock)
    store.add("a-1", [b"before"])
    real = os.write

    def half(file, text):
        return real(file, text[: len(text) // 2])

    def full(file, text):
        raise OSError(errno.ENOSPC, "no space")

    for broken in (half, full):
        monkeypatch.setattr(module.os, "write", broken)
        store.add("a-1", [b"lost", b"too"])
    monkeypatch.setattr(module.os, "write", real)
    store.add("a-1", [b"after"])
    assert [line.split()[1] for line in kept(tmp_path).splitlines()] == ["before", "after"]
    assert store.today["a-1"].left_out == 4


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path, clock):
    (tmp_path / "a-1").mkdir()
    (tmp_path / "a-1" / "2026-11-29.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        made(tmp_path, clock).add("a-1", [b"x"])
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("way", ["removed", "renamed", "replaced", "emptied", "shortened"])
def test_what_somebody_takes_from_a_day_is_told_and_later_lines_are_kept(tmp_path, clock, way):
    store, file = made(tmp_path, clock), tmp_path / "a-1/2026-11-29.log"
    store.add("a-1", [b"one", b"two"])
    size = file.stat().st_size
    left = size // 2 if way == "shortened" else 0
    if way in ("emptied", "shortened"):
        os.truncate(file, left)
    elif way == "removed":
        file.unlink()
    else:
        file.rename(file.with_suffix(".log.1"))
    if way == "replaced":
        file.touch()
    store.add("a-1", [b"three"])
    store.add("a-1", [b"four"])
    said = kept(tmp_path).splitlines()
    assert f"nodeops: somebody took {size - left} bytes of this day away" in kept(tmp_path)
    assert [line.split()[-1] for line in said[-2:]] == ["three", "four"] and kept(tmp_path).count("somebody") == 1
    assert store.left_out_ever("a-1") == store.today["a-1"].left_out == 1


def test_what_is_taken_away_again_and_again_leaves_no_file_open(tmp_path, clock):
    store = made(tmp_path, clock)
    store.add("a-1", [b"one"])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        (tmp_path / "a-1/2026-11-29.log").unlink()
        store.add("a-1", [b"more"])
    assert len(list(Path("/proc/self/fd").iterdir())) == before and store.left_out_ever("a-1") == 20


def test_a_link_in_place_of_a_file_that_was_open_is_not_followed_and_closes_nothing_of_others(tmp_path, clock):
    store, file = made(tmp_path, clock), tmp_path / "a-1/2026-11-29.log"
    store.add("a-1", [b"one"])
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        store.add("a-1", [b"two"])
    with (tmp_path / "another").open("w") as another:
        with pytest.raises(OSError, match="symbolic links"):
            store.add("a-1", [b"three"])
        another.write("is open still")
    file.unlink()
    store.add("a-1", [b"four"])
    assert kept(tmp_path).endswith("four\n") and not (tmp_path / "elsewhere").exists()

"""Blocks are taken out of files, holes and places are found, on the filesystem the tests run on."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.host import extents
from nodeops.host.extents import Identity

BLOCK = 4096


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[int]:
    if reason := extents.collapse_refusal(tmp_path):
        pytest.skip(reason)
    number = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    assert extents.block_bytes(number) == BLOCK
    yield number
    os.close(number)


def put(handle: int, layout: str) -> None:
    """Write a block for each letter; a dot is a hole."""
    for number, letter in enumerate(layout):
        if letter != ".":
            os.pwrite(handle, letter.encode() * BLOCK, number * BLOCK)
    os.ftruncate(handle, len(layout) * BLOCK)


def got(handle: int) -> str:
    size = os.fstat(handle).st_size
    letters = os.pread(handle, size, 0)[::BLOCK].decode()
    return letters.replace("\0", ".")


@pytest.mark.parametrize(("offset", "length", "left"), [(0, 1, "bcde"), (0, 4, "e"), (1, 2, "ade"), (3, 1, "abce")])
def test_blocks_are_taken_out_and_the_rest_moves_down(handle, offset, length, left):
    put(handle, "abcde")
    extents.collapse(handle, offset * BLOCK, length * BLOCK)
    assert (got(handle), os.fstat(handle).st_size) == (left, len(left) * BLOCK)


@pytest.mark.parametrize(("offset", "length"), [(0, 5 * BLOCK), (0, 100), (100, BLOCK), (0, 0), (0, 9 * BLOCK)])
def test_a_range_that_cannot_be_is_an_error_and_changes_nothing(handle, offset, length):
    put(handle, "abcde")
    with pytest.raises(HostError, match="cannot be taken out: Invalid argument") as caught:
        extents.collapse(handle, offset, length)
    assert (got(handle), caught.value.__cause__.errno) == ("abcde", errno.EINVAL)


HOLES = {
    "": [],
    "a": [],
    "abc": [],
    ".": [(0, 1)],
    "...": [(0, 3)],
    ".a": [(0, 1)],
    "a.": [(1, 2)],
    "a..b.c": [(1, 3), (4, 5)],
    "..a..": [(0, 2), (3, 5)],
}


@pytest.mark.parametrize(("layout", "wanted"), HOLES.items())
def test_holes(handle, layout, wanted):
    put(handle, layout)
    for _ in range(2):
        assert extents.holes(handle) == [(first * BLOCK, after * BLOCK) for first, after in wanted]
        assert len(extents.holes(handle, 1)) == min(1, len(wanted))
        os.fsync(handle)


def test_space_that_is_only_reserved_is_a_hole_until_it_is_written(handle):
    put(handle, "a")
    os.posix_fallocate(handle, 0, 4 * BLOCK)
    assert extents.holes(handle) == [(BLOCK, 4 * BLOCK)]
    os.pwrite(handle, b"b" * 3 * BLOCK, BLOCK)
    assert extents.holes(handle) == []


def test_the_end_in_the_middle_of_a_block_is_no_hole(handle):
    put(handle, "ab")
    os.ftruncate(handle, 2 * BLOCK - 100)
    assert extents.holes(handle) == []
    os.ftruncate(handle, 3 * BLOCK - 100)
    assert extents.holes(handle) == [(2 * BLOCK, 3 * BLOCK - 100)]


def test_a_sparse_file_of_any_size_is_looked_through_at_once(handle):
    os.ftruncate(handle, 20 << 30)
    assert extents.holes(handle) == [(0, 20 << 30)]


def test_the_place_on_disk_is_the_blocks_own_and_moves_with_it(handle):
    put(handle, "abc.")
    places = [extents.physical(handle, number * BLOCK) for number in range(3)]
    assert len({*places, None}) == 4
    assert extents.physical(handle, BLOCK + 5) == (places[1] or 0) + 5
    assert (extents.physical(handle, 3 * BLOCK), extents.physical(handle, 9 * BLOCK)) == (None, None)
    extents.collapse(handle, 0, BLOCK)
    assert extents.physical(handle) == places[1]


def test_where_the_filesystem_does_not_tell_there_is_no_place():
    handle = os.open("/proc/self/status", os.O_RDONLY)
    try:
        assert extents.physical(handle) is None
    finally:
        os.close(handle)


def test_a_file_is_itself_under_another_name_and_no_other(handle, tmp_path):
    (tmp_path / "file").rename(tmp_path / "renamed")
    again = os.open(tmp_path / "renamed", os.O_RDONLY)
    other = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        assert extents.identity(again).same_file(extents.identity(handle))
        assert not extents.identity(other).same_file(extents.identity(handle))
    finally:
        os.close(again)
        os.close(other)


SAME = {
    "equal": (Identity(1, 2, 3), Identity(1, 2, 3), True),
    "a device that got another number": (Identity(1, 2, 3), Identity(9, 2, 3), True),
    "an inode number that was used again": (Identity(1, 2, 3), Identity(1, 2, 4), False),
    "another inode": (Identity(1, 2, 3), Identity(1, 3, 3), False),
    "no generation": (Identity(1, 2, 0), Identity(1, 2, 0), True),
    "no generation, another device": (Identity(1, 2, 0), Identity(9, 2, 0), False),
}


@pytest.mark.parametrize(("one", "other", "same"), SAME.values(), ids=SAME)
def test_the_same_file(one, other, same):
    assert one.same_file(other) is same


def test_a_birth_is_known_and_not_changed_by_writing(handle):
    before = extents.born(handle)
    put(handle, "a")
    os.utime(handle, (5, 5))
    assert extents.born(handle) == before
    assert abs(before - os.fstat(handle).st_ctime) < 60


def test_a_refusal_is_tried_and_leaves_nothing(tmp_path):
    if extents.collapse_refusal(tmp_path):
        pytest.skip("this filesystem refuses")
    assert list(tmp_path.iterdir()) == []


def test_a_filesystem_that_cannot_says_why(tmp_path):
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        refusal = extents.collapse_refusal(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert refusal == "the filesystem does not take blocks out of files: Operation not supported"


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(HostError, match="gone: a file to try it on cannot be made: No such file"):
        extents.collapse_refusal(tmp_path / "gone")

"""Who writes to a file is found in other processes, by handle and by mapping; the kernel is asked whether nobody does."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.host.writers import Writer, deleted_open, nobody_writes, take_lease, writers

HOLD = """
import mmap, os, sys
path, how = sys.argv[1:]
if how == "maps":
    handle = os.open(path, os.O_RDWR)
    room = mmap.mmap(handle, 4096)
    os.close(handle)
    # Python's own copy of the handle is closed too, so that only the mapping is left.
    for number in range(3, 20):
        try:
            os.close(number)
        except OSError:
            pass
elif how == "maps to read":
    handle = os.open(path, os.O_RDONLY)
    room = mmap.mmap(handle, 4096, prot=mmap.PROT_READ)
else:
    flags = {"reads": os.O_RDONLY, "writes": os.O_WRONLY, "appends": os.O_WRONLY | os.O_APPEND, "both": os.O_RDWR | os.O_APPEND}
    handle = os.open(path, flags[how])
    os.dup2(handle, 9)
    os.close(handle)
print("held", flush=True)
sys.stdin.read()
"""
Hold = Callable[[Path, str], int]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Return a function that starts a process which holds a file in some way, and returns its number."""
    started = []

    def start(path: Path, how: str) -> int:
        words = [sys.executable, "-c", HOLD, str(path), how]
        started.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert started[-1].stdout.readline() == b"held\n"
        return int(started[-1].pid)

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(bytes(8192))
    return tmp_path / "file"


def found(path: Path) -> list[tuple[int, int | None, bool]]:
    facts = path.stat()
    return [(one.pid, one.handle_number, one.append) for one in writers(facts.st_dev, facts.st_ino)]


WRITERS = [("writes", 9, False), ("appends", 9, True), ("both", 9, True), ("maps", None, False)]


@pytest.mark.parametrize(("how", "number", "append"), WRITERS)
def test_a_writer_is_found(file, hold, how, number, append):
    pid = hold(file, how)
    assert found(file) == [(pid, number, append)]
    (one,) = writers(file.stat().st_dev, file.stat().st_ino)
    assert (one.name.startswith("python"), one.mapped) == (True, how == "maps")


@pytest.mark.parametrize("how", ["reads", "maps to read"])
def test_a_reader_is_none(file, hold, how):
    hold(file, how)
    assert found(file) == []


def test_a_writer_is_found_by_inode_whatever_the_name(file, hold):
    pid = hold(file, "appends")
    file.rename(file.with_name("other"))
    file.write_bytes(b"")
    assert found(file) == []
    assert found(file.with_name("other")) == [(pid, 9, True)]


def test_our_own_handles_are_left_out(file):
    with file.open("ab"):
        assert found(file) == []


@pytest.mark.parametrize("how", ["reads", "writes", "appends"])
def test_a_deleted_file_that_is_held_is_found_and_can_be_read(file, hold, how):
    pid = hold(file, how)
    inode = file.stat().st_ino
    assert deleted_open(str(file.parent)) == []
    file.unlink()
    (one,) = deleted_open(str(file.parent))
    assert (one.pid, one.fd_path, one.path, one.inode, one.bytes) == (pid, f"/proc/{pid}/fd/9", str(file), inode, 8192)
    assert Path(one.fd_path).stat().st_size == 8192
    assert deleted_open(str(file.parent / "elsewhere")) == []
    assert deleted_open(str(file.parent)[:-1]) == []


def test_one_deleted_file_is_told_once_and_through_a_handle_that_writes(file, hold):
    hold(file, "reads")
    writer = hold(file, "appends")
    hold(file, "reads")
    file.unlink()
    assert [one.pid for one in deleted_open(str(file.parent))] == [writer]


def test_a_file_whose_name_ends_like_a_deleted_one_is_none(tmp_path, hold):
    file = tmp_path / "x (deleted)"
    file.write_bytes(bytes(10))
    hold(file, "appends")
    assert deleted_open(str(tmp_path)) == []


@pytest.mark.parametrize(("how", "nobody"), [("reads", True), ("writes", False), ("appends", False), ("maps", False)])
def test_the_kernel_knows_whether_nobody_writes(file, hold, how, nobody):
    handle = os.open(file, os.O_RDONLY)
    try:
        hold(file, how)
        assert [nobody_writes(handle) for _ in range(2)] == [nobody, nobody]
    finally:
        os.close(handle)


def test_nobody_writes_a_deleted_file_once_its_writer_has_ended(file, hold):
    pid = hold(file, "appends")
    file.unlink()
    handle = os.open(deleted_open(str(file.parent))[0].fd_path, os.O_RDONLY)
    try:
        assert not nobody_writes(handle)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert nobody_writes(handle)
    finally:
        os.close(handle)


OPEN = "import os, sys; os.open(sys.argv[1], os.O_WRONLY); print('opened', flush=True)"


def test_an_opener_waits_for_the_lease_and_does_not_end_its_holder(file):
    handle = os.open(file, os.O_RDONLY)
    assert take_lease(handle)
    with subprocess.Popen([sys.executable, "-c", OPEN, str(file)], stdout=subprocess.PIPE) as other:
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.3)
        os.close(handle)
        assert other.stdout is not None
        assert other.stdout.readline() == b"opened\n"


def test_where_there_are_no_leases_nobody_knows():
    handle = os.open("/proc/self", os.O_RDONLY)
    try:
        with pytest.raises(HostError, match="whether somebody writes"):
            nobody_writes(handle)
    finally:
        os.close(handle)


def test_a_writer_names_how_it_writes():
    assert [Writer(1, "x", number, append=False).mapped for number in (None, 0, 3)] == [True, False, False]

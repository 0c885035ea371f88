"""A reader sees the old file or the new one, whatever happens in between."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.host.files import write_atomic

OLD, NEW = b"old" * 1000, b"new" * 200_000


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o755])
@pytest.mark.parametrize("before", [None, 0o666])
def test_content_and_mode(tmp_path, mode, before):
    file = tmp_path / "node.json"
    if before is not None:
        file.write_bytes(OLD)
        file.chmod(before)
    write_atomic(file, NEW, mode)
    assert file.read_bytes() == NEW
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert names(tmp_path) == ["node.json"]


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_the_umask_does_not_matter(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_atomic(tmp_path / "a", b"", 0o644)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_owner(tmp_path):
    write_atomic(tmp_path / "a", b"x", 0o640, owner=(12345, 54321))
    facts = (tmp_path / "a").stat()
    assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (12345, 54321, 0o640)


def test_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "target").write_bytes(OLD)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomic(tmp_path / "link", NEW, 0o600)
    assert ((tmp_path / "target").read_bytes(), (tmp_path / "link").read_bytes()) == (OLD, NEW)
    assert not (tmp_path / "link").is_symlink()


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(HostError, match=r"gone/a: cannot be written: No such file"):
        write_atomic(tmp_path / "gone" / "a", b"", 0o600)


def test_a_folder_in_the_way_is_a_clear_error(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(HostError, match="cannot be written: Is a directory"):
        write_atomic(tmp_path / "a", b"x", 0o600)
    assert names(tmp_path) == ["a"]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """Return a folder on a real filesystem of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_keeps_the_old_file(small_disk):
    file = small_disk / "a"
    write_atomic(file, OLD, 0o600)
    with pytest.raises(HostError, match="No space left on device"):
        write_atomic(file, NEW, 0o600)
    assert file.read_bytes() == OLD
    assert names(small_disk) == ["a"]


LIMITED = """
import resource, sys
from pathlib import Path
from nodeops.core.errors import HostError
from nodeops.host.files import write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_atomic(Path(sys.argv[1]), b"x" * 200_000, 0o600)
except HostError as error:
    print(error.what)
"""


def test_a_size_limit_keeps_the_old_file(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(OLD)
    done = subprocess.run([sys.executable, "-c", LIMITED, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout == "cannot be written: File too large\n"
    assert file.read_bytes() == OLD
    assert names(tmp_path) == ["a"]


# The child kills itself at one exact step, so the test does not depend on when a signal arrives.
KILLED = """
import os, signal, sys
from pathlib import Path
from nodeops.host import files

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "half written":
    whole = os.fdopen
    class Half:
        def __init__(self, handle, mode):
            self.file = whole(handle, mode)
        def __enter__(self):
            return self
        def __exit__(self, *_):
            self.file.close()
        def write(self, data):
            self.file.write(data[: len(data) // 2])
            self.file.flush()
            die()
    os.fdopen = Half
elif sys.argv[2] == "before the rename":
    Path.replace = die
else:
    files.sync_folder = die
files.write_atomic(Path(sys.argv[1]), b"new" * 200_000, 0o600)
"""


@pytest.mark.parametrize(
    ("moment", "content"),
    [("half written", OLD), ("before the rename", OLD), ("after the rename", NEW)],
    ids=lambda value: str(value)[:20],
)
def test_a_killed_writer_leaves_old_or_new(tmp_path, moment, content):
    file = tmp_path / "a"
    file.write_bytes(OLD)
    done = subprocess.run([sys.executable, "-c", KILLED, str(file), moment], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert file.read_bytes() == content


def test_the_next_write_after_a_kill_works(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(OLD)
    subprocess.run([sys.executable, "-c", KILLED, str(file), "half written"], capture_output=True, check=False)
    write_atomic(file, NEW, 0o600)
    assert file.read_bytes() == NEW

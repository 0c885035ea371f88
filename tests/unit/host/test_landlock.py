"""What Landlock takes away is gone for root too, and only outside the folders that were named."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.host import landlock
from nodeops.host.child import answer_of

needs_landlock = pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with `open` and `closed` in it, each with a file and a folder."""
    for name in ("open", "closed"):
        (tmp_path / name / "folder").mkdir(parents=True)
        (tmp_path / name / "key").write_text("key")
    return tmp_path


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "remove": lambda here, there: (here / "key").unlink(),
    "overwrite": lambda here, there: (here / "key").write_text("x"),
    "append": lambda here, there: (here / "key").open("a"),
    "truncate": lambda here, there: os.truncate(here / "key", 0),
    "rename": lambda here, there: (here / "key").rename(here / "other"),
    "link": lambda here, there: os.link(here / "key", here / "other"),
    "make a file": lambda here, there: (here / "new").touch(),
    "make a folder": lambda here, there: (here / "new").mkdir(),
    "make a link": lambda here, there: (here / "new").symlink_to("key"),
    "make a pipe": lambda here, there: os.mkfifo(here / "new"),
    "remove a folder": lambda here, there: (here / "folder").rmdir(),
}
ACROSS: dict[str, Callable[[Path, Path], object]] = {
    "move in": lambda inside, outside: (outside / "key").rename(inside / "moved"),
    "move out": lambda inside, outside: (inside / "key").rename(outside / "moved"),
    "link in": lambda inside, outside: os.link(outside / "key", inside / "moved"),
    "replace": lambda inside, outside: (inside / "key").replace(outside / "key"),
}


def tried(change: Callable[[Path, Path], object], here: Path, there: Path, writable: Path) -> str:
    """Return what becomes of a change in a child that may write into one folder only."""

    def work() -> str:
        landlock.restrict([writable])
        try:
            change(here, there)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "done"

    return answer_of(work, seconds=10)


def within(folder: Path) -> list[tuple[object, ...]]:
    """Return what is in a folder; not when it was last read, for this reads it."""
    found = [(path, path.lstat()) for path in sorted(folder.rglob("*"))]
    return [(path, one.st_mode, one.st_ino, one.st_nlink, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for path, one in found]


@needs_landlock
@pytest.mark.parametrize("name", CHANGES)
def test_nothing_changes_outside(tree, name):
    if name == "truncate" and landlock.version() < 3:
        pytest.skip("this kernel's Landlock does not know truncation")
    before = within(tree / "closed")
    assert tried(CHANGES[name], tree / "closed", tree / "open", tree / "open") == "EACCES"
    assert within(tree / "closed") == before


@needs_landlock
@pytest.mark.parametrize("name", CHANGES)
def test_everything_changes_inside(tree, name):
    assert tried(CHANGES[name], tree / "open", tree / "closed", tree / "open") == "done"


@needs_landlock
@pytest.mark.parametrize("name", ACROSS)
def test_nothing_crosses_the_border(tree, name):
    assert tried(ACROSS[name], tree / "open", tree / "closed", tree / "open") in ("EACCES", "EXDEV")
    assert (tree / "closed/key").read_text() == "key"
    assert sorted(path.name for path in (tree / "closed").iterdir()) == ["folder", "key"]


@needs_landlock
def test_without_folders_nothing_can_be_changed_and_all_be_read(tree):
    def work() -> str:
        assert landlock.restrict([]) == landlock.version()
        with pytest.raises(PermissionError):
            (tree / "open/key").unlink()
        return (tree / "closed/key").read_text()

    assert answer_of(work, seconds=10) == "key"


@needs_landlock
def test_it_cannot_be_taken_back_and_binds_what_is_started(tree):
    def work() -> str:
        landlock.restrict([tree / "open"])
        landlock.restrict([tree])
        return str(os.waitstatus_to_exitcode(os.system(f"rm -f {tree}/closed/key 2> /dev/null")))

    assert answer_of(work, seconds=10) != "0"
    assert (tree / "closed/key").exists()


def test_a_folder_behind_a_link_is_refused(tree):
    (tree / "link").symlink_to("closed")
    with pytest.raises(Refused, match="symbolic link"):
        answer_of(lambda: str(landlock.restrict([tree / "link"])), seconds=10)
    with pytest.raises(HostError, match="No such file"):
        answer_of(lambda: str(landlock.restrict([tree / "none"])), seconds=10)


RIGHTS = {0: 0, 1: 0x1FF2, 2: 0x3FF2, 3: 0x7FF2, 4: 0x7FF2, 5: 0xFFF2, 6: 0xFFF2, 7: 0xFFF2, 99: 0xFFF2}


@pytest.mark.parametrize(("abi", "bits"), RIGHTS.items())
def test_each_kernel_is_asked_for_what_it_knows(abi, bits):
    assert landlock.rights(abi) == bits

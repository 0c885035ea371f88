"""What fills a disk is counted as du counts it, without leaving the folder, following links or taking too long."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.disk.guard.execute import vacuum
from nodeops.host.filesystem import Filesystem
from nodeops.host.usage import attributed, below, filesystems
from tests.unit.disk.purge.samples import fill, mounted


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with what makes counting hard: hard links, links in circles, a sparse file, hostile names, pipes."""
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/data").write_bytes(os.urandom(100_000))
    os.link(tree / "a/data", tree / "a/b/same")
    os.link(tree / "a/data", tmp_path / "outside")
    (tree / "a/b/circle").symlink_to(tree)
    (tree / "out").symlink_to("/usr")
    os.mkfifo(tree / "pipe")
    (tree / "new\nline \x1b[2J").write_bytes(b"x" * 5000)
    with (tree / "sparse").open("wb") as file:
        file.truncate(20 << 30)
    return tree


def du(folder: Path) -> int:
    done = subprocess.run(["du", "-sx", "--block-size=1", str(folder)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def test_it_counts_as_du_does(tree):
    found = below(tree, 10)
    assert (found.size, found.complete) == (du(tree), True)
    assert 100_000 < found.size < 200_000


def test_another_filesystem_is_not_counted(tree):
    before = below(tree, 10).size
    with mounted(tree / "mount", "-t", "tmpfs", "tmpfs") as disk:
        (disk / "big").write_bytes(b"x" * (1 << 20))
        assert below(tree, 10).size <= before + 4096


def test_a_folder_that_is_mounted_twice_counts_once(tree):
    before = below(tree, 10).size
    with mounted(tree / "twice", "--bind", str(tree / "a")):
        assert below(tree, 10).size == before


def test_time_that_is_up_is_said(tree):
    for number in range(300):
        (tree / str(number)).touch()
    assert not below(tree, 0).complete
    assert below(tree, 10).files > 300


def test_a_very_deep_tree_is_cut_and_that_is_said(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("d" * 100, dir_fd=folder)
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    assert not below(tmp_path, 10).complete


def test_nothing_there_takes_nothing_and_a_file_is_no_folder(tmp_path):
    assert below(tmp_path / "none", 1).size == 0
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="Not a directory"):
        below(tmp_path / "file", 1)


def test_classes_do_not_count_the_same_twice(tmp_path):
    log, sealed = tmp_path / "log", tmp_path / "log/sealed"
    sealed.mkdir(parents=True)
    (log / "live").write_bytes(b"x" * 10_000)
    (sealed / "segment").write_bytes(b"x" * 50_000)
    filesystem = filesystems([tmp_path])[0]
    classes = {
        "ledger_log": [log],
        "sealed": [sealed],
        "chain_data": [tmp_path / "none"],
        "shared": [Path("/dev/shm"), Path("/proc")],
    }
    usage, complete = attributed(filesystem, classes, 10)
    assert complete
    assert usage.mount == filesystem.mount
    assert {**usage.classes, "other": 0} == {"ledger_log": du(log) - du(sealed), "sealed": du(sealed), "other": 0}
    assert sum(usage.classes.values()) == filesystem.total - filesystem.free
    assert not attributed(filesystem, classes, 0)[1]


def test_each_filesystem_is_listed_once_as_df_has_it(tmp_path):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m,nr_inodes=50", "tmpfs") as disk:
        (disk / "file").write_bytes(b"x" * 8192)
        (tmp_path / "link").symlink_to(disk)
        found = filesystems([tmp_path, disk / "not/there/yet", tmp_path, tmp_path / "link", disk / "file"])
        device = disk.stat().st_dev
        assert found[1] == Filesystem(str(disk), device, "tmpfs", 1 << 20, (1 << 20) - 8192, 50, 48)
        assert [entry.device for entry in found] == [tmp_path.stat().st_dev, device]
        fill(disk)
        assert filesystems([disk])[0].used_percent == 100.0


@pytest.mark.parametrize(
    "name", ["a b", "new\nline", "tab\there", "back\\slash", "\\040", "#", "- ext4 -", "\udcff\udcfe", "ä", "a//deleted"]
)
def test_a_mount_may_have_any_name(tmp_path, name):
    with mounted(tmp_path / name, "-t", "tmpfs", "-o", "size=64k", "tmpfs") as disk:
        assert [(entry.mount, entry.kind) for entry in filesystems([disk])] == [(str(disk), "tmpfs")]


@pytest.mark.skipif(shutil.which("journalctl") is None, reason="systemd is not installed")
def test_the_journal_gives_back_its_oldest_files(tmp_path):
    folder = tmp_path / "0123456789abcdef0123456789abcdef"
    folder.mkdir()
    for number in range(1, 6):
        name = f"system@{'a' * 32}-{number:016x}-{1_700_000_000_000_000 + number:016x}.journal"
        (folder / name).write_bytes(b"LPKSHHRH" + os.urandom(100_000))
    (folder / "system.journal").write_bytes(b"active" * 1000)
    before = du(tmp_path)
    freed = vacuum(250_000, tmp_path)
    assert freed == before - du(tmp_path) > 200_000
    assert (folder / "system.journal").exists()
    assert vacuum(1, tmp_path / "none") == 0

"""Whatever lies under a segment's name, or comes there while it is looked at: nothing that is needed is touched."""

import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.core.errors import NodeopsError, Refused
from nodeops.core.printable import shown
from nodeops.disk.purge import executor as purge_module
from nodeops.disk.purge.roots import opened_root
from nodeops.disk.purge.segment_file import looked_at
from nodeops.host import landlock
from nodeops.logstore.naming import Segment, segment_name
from nodeops.receipts.book import receipts
from tests.unit.disk.purge.samples import House, digest, make_house

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


# What may lie under the name of a segment that the index knows, and why it stays.
UNDER_ITS_NAME: dict[str, tuple[Callable[[House, Path, int], object], str]] = {
    "a hard link to a key": (lambda house, path, size: os.link(house.key, path), "has 2 names"),
    "a link to a key": (lambda house, path, size: path.symlink_to(house.key), "a symbolic link"),
    "a link to nothing": (lambda house, path, size: path.symlink_to("nowhere"), "a symbolic link"),
    "a link to the ledger": (lambda house, path, size: path.symlink_to(house.root / "ledger"), "a symbolic link"),
    "a folder": (lambda house, path, size: path.mkdir(), "is not a regular file"),
    "a pipe": (lambda house, path, size: os.mkfifo(path), "is not a regular file"),
    "a device": (lambda house, path, size: os.mknod(path, 0o020600, os.makedev(1, 3)), "is not a regular file"),
    "a short file": (lambda house, path, size: path.write_bytes(b"x"), "the index knows"),
    "a file of that size": (lambda house, path, size: path.write_bytes(b"x" * size), "does not name"),
    "nothing": (lambda house, path, size: None, "No such file"),
}


@root_only
@pytest.mark.parametrize("case", UNDER_ITS_NAME)
def test_what_lies_under_a_segments_name_stays(house, case):
    make, reason = UNDER_ITS_NAME[case]
    good, bad = house.segments(2)
    path = house.sealed / bad.name
    path.unlink()
    make(house, path, bad.size)
    before, here = house.decoys(), house.names()
    done = house.purge([bad, good])
    assert [name for name, _ in done.refused] == [bad.name]
    assert reason in done.refused[0][1]
    assert house.names() == here - {good.name}
    assert (house.decoys(), house.done()) == (before, {good.name})


def test_a_socket_under_a_segments_name_stays(tmp_path_factory):
    # A socket's path is short: 108 bytes.
    house = make_house(Path(os.path.relpath(tmp_path_factory.mktemp("s"))).resolve())
    segment = house.segments(1)[0]
    (house.sealed / segment.name).unlink()
    with socket.socket(socket.AF_UNIX) as server:
        handle = os.open(house.sealed, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{handle}/{segment.name}")
        os.close(handle)
        assert "is not a regular file" in house.purge([segment]).refused[0][1]
    assert house.names() == {segment.name}


NAMES = [
    "../../ledger/config/priv_validator_key.json",
    "/etc/passwd",
    "./ledger.0000000000000000-00000000000000c8.zst",
    "ledger.0000000000000000-00000000000000c8.zst\n",
    "ledger.0000000000000000-00000000000000c8.zst\0",
    "\nledger.0000000000000000-00000000000000c8.zst",
    "ledger.0000000000000000-00000000000000C8.zst",
    "Ledger.0000000000000000-00000000000000c8.zst",
    "ledger\x1b[2J.0000000000000000-00000000000000c8.zst",
    "a/b.0000000000000000-00000000000000c8.zst",
    "a" * 300 + ".0000000000000000-00000000000000c8.zst",
    "\udcff.0000000000000000-00000000000000c8.zst",
    "",
    ".",
    "..",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_no_segment_has_is_refused(house, name):
    segment = house.segments(1)[0]
    before = house.decoys(), digest(house.root / "log")
    done = house.purge([replace(segment, name=name)])
    assert [refused for refused, _ in done.refused] == [shown(name)]
    assert (house.decoys(), digest(house.root / "log")) == before
    assert list(receipts(house.receipts)) == []


WANTED = st.builds(
    lambda stream, start, end: Segment(stream, start, end, 1, 1.0, 2.0, "a" * 64, "b" * 64, 9, segment_name(stream, start, end)),
    st.text() | st.sampled_from(["../../ledger/config/", "../ledger", "/etc/", "."]),
    st.integers(0, 2**64),
    st.integers(0, 2**64),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=50)
@given(WANTED)
def test_no_name_leads_anywhere_else(house, wanted):
    with opened_root(house.sealed) as root, pytest.raises(NodeopsError):
        looked_at(root, wanted, whole=False)


@pytest.mark.parametrize("link", ["log/sealed", "log"])
def test_a_folder_behind_a_link_is_refused(house, link):
    segments = house.segments(1)
    path = house.root / link
    path.rename(house.root / "real")
    path.symlink_to(house.root / "real")
    before = digest(house.root / "real")
    with pytest.raises(Refused, match="symbolic link"):
        house.purge(segments)
    assert digest(house.root / "real") == before


@root_only
def test_a_file_mounted_over_a_segment_stays(house):
    good, bad = house.segments(2)
    before = house.decoys()
    subprocess.run(["mount", "--bind", house.key, house.sealed / bad.name], check=True)
    try:
        done = house.purge([bad, good])
    finally:
        subprocess.run(["umount", house.sealed / bad.name], check=True)
    assert "another mount" in done.refused[0][1]
    assert (house.names(), house.decoys()) == ({bad.name}, before)


def replaced_by_another(house: House, path: Path) -> None:
    (house.sealed / "other").write_bytes(path.read_bytes())
    (house.sealed / "other").rename(path)


MEANWHILE: dict[str, Callable[[House, Path], object]] = {
    "replaced": replaced_by_another,
    "replaced by a link": lambda house, path: (path.unlink(), path.symlink_to(house.key)),
    "replaced by a hard link": lambda house, path: (path.unlink(), os.link(house.key, path)),
    "replaced by a folder": lambda house, path: (path.unlink(), path.mkdir()),
    "grown": lambda house, path: path.write_bytes(path.read_bytes() + b"x"),
    "rewritten": lambda house, path: path.write_bytes(path.read_bytes()),
    "linked": lambda house, path: os.link(path, house.root / "log/second"),
    "given away": lambda house, path: path.chmod(0o666),
    "gone": lambda house, path: path.unlink(),
}


@pytest.mark.parametrize("change", MEANWHILE.values(), ids=MEANWHILE)
def test_what_changes_after_the_check_stays(house, change):
    segment = house.segments(1)[0]
    with opened_root(house.sealed) as root:
        target = looked_at(root, segment, whole=True)
        change(house, house.sealed / segment.name)
        before = digest(house.root)
        assert target.remove(root).state == "aborted"
        target.close()
    assert digest(house.root) == before


def test_a_swap_in_the_very_last_moment_is_an_alarm(house, monkeypatch):
    segments, before = house.segments(20), house.decoys()
    unlink = os.unlink

    def swapped(name: str, *, dir_fd: int) -> None:
        if name == segments[1].name:
            os.rename(name, "aside", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
            os.symlink(house.key, name, dir_fd=dir_fd)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", swapped)
    done = house.purge(segments)
    assert [alarm.partition(":")[0] for alarm in done.alarms] == [segments[1].name]
    # What was intended already is done, nothing after it.
    assert len(done.receipts) == 16
    assert "another name" in done.receipts[1].note
    assert house.decoys() == before


def test_the_executor_itself_can_change_nothing_outside(house, monkeypatch):
    if not landlock.version():
        pytest.skip("the kernel has no Landlock")
    key, before = house.key, house.decoys()

    def taken_over(root: int, folder: Path) -> None:
        tried = [
            said(lambda: key.unlink()),
            said(lambda: os.truncate(key, 0)),
            said(lambda: key.write_text("")),
            said(lambda: key.rename(folder / "key")),
            said(lambda: (house.root / "state/index").write_text("")),
            said(lambda: house.receipts.unlink()),
        ]
        raise Refused(" ".join(tried))

    monkeypatch.setattr(purge_module, "require_no_tripwire", taken_over)
    with pytest.raises(Refused) as refused:
        house.purge(house.segments(1))
    truncate = "EACCES" if landlock.version() >= 3 else "done"
    assert refused.value.what.split()[:3] == ["EACCES", truncate, "EACCES"]
    assert set(refused.value.what.split()[3:]) <= {"EACCES", "EXDEV"}
    assert house.decoys() == before


def said(change: Callable[[], object]) -> str:
    try:
        change()
    except OSError as error:
        return {1: "EPERM", 13: "EACCES", 18: "EXDEV"}.get(error.errno or 0, str(error))
    return "done"

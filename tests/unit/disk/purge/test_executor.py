"""Segments that are known go, with a receipt; nothing else can, whatever lies under their names or in their folder."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import HostError, Refused, Timeout
from nodeops.disk.purge import executor as purge_module
from nodeops.disk.purge.executor import Limits, within
from nodeops.disk.purge.roots import strangers
from nodeops.disk.purge.segment_file import Target
from nodeops.logstore.naming import Segment
from nodeops.receipts.book import receipts, settle, verify
from tests.unit.disk.purge.samples import MANY, House, digest, make_house, mounted

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def test_what_is_wanted_goes_and_nothing_else(house):
    segments, before = house.segments(40), house.decoys()
    done = house.purge(segments[:35], whole=True)
    assert [receipt.name for receipt in done.receipts] == [segment.name for segment in segments[:35]]
    assert house.names() == {segment.name for segment in segments[35:]}
    assert house.done() == {segment.name for segment in segments[:35]}
    assert (done.refused, done.alarms, done.left, done.stopped) == ([], [], 0, "")
    assert done.freed == sum(segment.size for segment in segments[:35])
    assert house.decoys() == before


def test_a_receipt_says_what_why_and_how_much_was_free(house):
    segment = house.segments(1)[0]
    house.purge([segment])
    intent, done = receipts(house.receipts)
    for receipt in (intent, done):
        known = (receipt.stream, receipt.start, receipt.end, receipt.size, receipt.plain, receipt.stored)
        assert known == (segment.stream, segment.start, segment.end, segment.size, segment.plain, segment.stored)
        assert (receipt.rule, receipt.stage, receipt.host) == ("oldest first", "high", "validator-1")
        assert receipt.folder == str(house.sealed)
    assert (intent.state, done.state, done.intent) == ("intent", "done", intent.sequence)
    assert intent.free_before == done.free_before > 0
    assert done.free_after > 0


@pytest.mark.parametrize(("files", "size", "removed"), [(3, 1 << 40, 3), (100, 0, 0), (0, 1 << 40, 0)])
def test_no_more_than_the_limits_allow(house, files, size, removed):
    segments = house.segments(5)
    done = house.purge(segments, Limits(files, size))
    assert (len(done.receipts), done.left, len(house.names())) == (removed, 5 - removed, 5 - removed)


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(0, 20), st.integers(0, 200))
def test_limits_hold_for_any_list(sizes, files, size_bytes):
    segments = [Segment("a", 0, 1, 1, 1.0, 2.0, "", "", size, str(number % 15)) for number, size in enumerate(sizes)]
    chosen = within(segments, Limits(files, size_bytes))
    assert len(chosen) == len({segment.name for segment in chosen}) <= files
    assert sum(segment.size for segment in chosen) <= size_bytes


def test_other_content_is_found_when_the_whole_file_is_asked_for(house):
    segment = house.segments(1)[0]
    path = house.sealed / segment.name
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    assert "other content" in house.purge([segment], whole=True).refused[0][1]
    assert house.names() == {segment.name}
    assert len(house.purge([segment]).receipts) == 1


@pytest.mark.parametrize("place", ["CURRENT", "deep/er/node_key.json", "keystore/"])
def test_a_tripwire_anywhere_stops_the_whole_folder(house, place):
    segments = house.segments(3)
    path = house.sealed / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if place.endswith("/") else path.touch()
    before = digest(house.sealed)
    with pytest.raises(Refused, match=f"ALARM.*{path.name}"):
        house.purge(segments)
    assert digest(house.sealed) == before
    assert list(receipts(house.receipts)) == []


def test_a_folder_that_others_may_write_is_refused(house):
    segments = house.segments(1)
    house.sealed.chmod(0o770)
    with pytest.raises(Refused, match="others may change"):
        house.purge(segments)
    assert house.names() == {segments[0].name}


@root_only
def test_a_mount_inside_stops_the_whole_folder(house):
    segments, before = house.segments(2), house.decoys()
    with mounted(house.sealed / "inside", "--bind", str(house.root / "ledger")):
        with pytest.raises(Refused, match="ALARM: a mount is inside"):
            house.purge(segments)
        assert house.names() == {"inside", *(segment.name for segment in segments)}
    assert house.decoys() == before


def test_strangers_are_told_and_never_removed(house):
    segments = house.segments(3)
    for name in ("note\n\x1b[2J.txt", f".{segments[0].name}.tmp", "x" * 200):
        (house.sealed / name).touch()
    (house.sealed / "folder").mkdir()
    os.link(house.sealed / segments[1].name, house.root / "log/second")
    before = house.names()
    found = strangers(house.sealed, {segments[0].name, segments[1].name})
    assert found == sorted([r"note\n\x1b[2J.txt", "folder", "x" * 120 + "...", segments[1].name, segments[2].name])
    assert segments[2].name not in strangers(house.sealed)
    house.purge(segments)
    assert house.names() == before - {segments[0].name, segments[2].name}


@pytest.mark.parametrize("moment", ["before the removal", "after the removal"])
def test_a_killed_executor_leaves_a_true_account(house, monkeypatch, moment):
    segments = house.segments(5)
    unlink = os.unlink

    def killed(name: str, *, dir_fd: int) -> None:
        if moment == "after the removal":
            unlink(name, dir_fd=dir_fd)
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", killed)
        with pytest.raises(HostError, match="by signal 9"):
            house.purge(segments)
    gone = {segment.name for segment in segments} - house.names()
    results = settle(house.receipts, "validator-1")
    assert {result.name for result in results if result.state == "done"} == gone == house.done()
    assert {result.state for result in results if result.name not in gone} <= {"aborted"}
    assert len(results) == 5
    house.purge(segments)
    assert house.names() == set()


def test_an_executor_that_hangs_is_killed(house, monkeypatch):
    def hang(*_: object, **__: object) -> Target:
        time.sleep(60)
        raise AssertionError

    monkeypatch.setattr(purge_module, "looked_at", hang)
    # Tests before this one may have left children to this process.
    others = set(psutil.Process().children())
    with pytest.raises(Timeout):
        house.purge(house.segments(1), seconds=0.2)
    assert set(psutil.Process().children()) <= others


def test_nothing_wanted_is_nothing_done(house):
    assert house.purge([]).receipts == []
    assert not house.receipts.exists()
    assert verify(house.receipts)[0] == 0


def test_two_purges_do_not_mix(house):
    segments = house.segments(2)
    house.purge(segments[:1])
    with house.receipts.open("rb") as other:
        subprocess.run(["flock", "--nonblock", "0"], stdin=other, check=True)
        with pytest.raises(Refused, match="another purge"):
            house.purge(segments[1:], MANY)
    assert house.names() == {segments[1].name}

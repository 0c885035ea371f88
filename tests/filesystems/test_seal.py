"""A live log is sealed while its writer goes on: on full disks, under kill -9, on ext4 and XFS, no line is lost."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.logstore import cut
from nodeops.logstore.intents import open_journal, read_record
from nodeops.logstore.recover import recover
from nodeops.logstore.seal import drain
from tests.filesystems.disks import Disk, child, disk, killed
from tests.filesystems.logs import STREAM, assert_lines, drained, filled, left_free, line, pieces, writing
from tests.tiers import sizes, some

MEBI = 1 << 20
# Much more time than a drain's start and less than many cuts take, so that kills fall on every step.
LONGEST_LIFE_SECONDS = 0.2


@pytest.fixture
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk(request.param, tmp_path) as made:
        yield made


KINDS = ["ext4", "xfs"]
both = pytest.mark.parametrize("loop", KINDS, indirect=True)


def prepared(folder: Path) -> tuple[Path, Path]:
    """Return where the live log and its segments go."""
    sealed = folder / "sealed"
    sealed.mkdir()
    return folder / "node.log", sealed


@pytest.mark.parametrize(
    ("loop", "rate"),
    some([("ext4", 60_000), ("xfs", 0)], [("ext4", 1_000), ("ext4", 0), ("xfs", 1_000), ("xfs", 60_000)]),
    indirect=["loop"],
)
def test_no_line_is_lost_while_a_log_is_drained(loop, rate):
    live, sealed = prepared(loop.folder)
    made, ends = 0, time.monotonic() + 3
    with writing(live, rate) as writer:
        while time.monotonic() < ends or made < 3:
            made += len(drained(live, sealed, keep_bytes=64 << 10))
            time.sleep(0.05)
        count = writer.stop()
    assert_lines(pieces(live, sealed), count)
    assert live.stat().st_size < 200 * MEBI


@pytest.mark.parametrize("loop", ["ext4"], indirect=True)
@pytest.mark.parametrize("kills", sizes(40, 300))
def test_no_line_is_lost_when_the_drain_is_killed_at_random_moments(loop, monkeypatch, kills):
    """So many kills, and in any case until some fell before a segment was sealed and some after."""
    monkeypatch.setattr(cut, "LARGEST_CUT_BYTES", 128 << 10)
    live, sealed = prepared(loop.folder)
    chance, found = random.Random(5), Counter[str]()

    def work() -> None:
        while True:
            drained(live, sealed, keep_bytes=0)

    with writing(live, 60_000) as writer:
        while found.total() < kills or not (found["intent"] and found["sealed"]):
            drainer = child(work)
            time.sleep(chance.uniform(0.01, LONGEST_LIFE_SECONDS))
            killed(drainer)
            found[read_record(sealed / ".journal").state if (sealed / ".journal").exists() else "nothing"] += 1
            assert found.total() < 1000, found
        count = writer.stop()
    with open_journal(sealed / ".journal", STREAM, sealed) as journal:
        recover(live, sealed, journal)
        assert (journal.record.state, journal.record.gaps_total) == ("idle", 0)
    assert_lines(pieces(live, sealed), count)
    assert not list(sealed.glob(".*.tmp"))


def many_lines(size: int) -> Iterator[bytes]:
    number = 0
    while size > 0:
        data = b"".join(map(line, range(number, number + 10_000)))
        number += 10_000
        yield data[:size]
        size -= len(data)


CONTENTS = {
    "lines": lambda size: b"".join(many_lines(size)),
    "bytes that do not compress": os.urandom,
    "equal blocks": lambda size: (b"the same line again" + b"." * 44 + b"\n") * (size // 64),
}


@pytest.mark.parametrize(
    ("loop", "content"),
    some([("ext4", "bytes that do not compress"), ("xfs", "lines")], [("ext4", "lines"), ("ext4", "equal blocks")])
    + some([], [("xfs", "bytes that do not compress"), ("xfs", "equal blocks")]),
    indirect=["loop"],
)
def test_with_ten_mebibytes_free_it_still_seals_in_place(loop, content):
    live, sealed = prepared(loop.folder)
    data = CONTENTS[content](96 * MEBI + 1234)
    live.write_bytes(data)
    filled(loop.folder, 10 * MEBI)
    before, least = left_free(loop.folder), []
    with open_journal(sealed / ".journal", STREAM, sealed) as journal:
        least.extend(left_free(loop.folder) for _ in drain(live, sealed, journal, STREAM, 64 << 10, time.time))
    assert live.stat().st_size <= 64 << 10
    assert b"".join(pieces(live, sealed)) == data
    assert min(least) > 3 * MEBI
    assert left_free(loop.folder) >= before - 2 * MEBI


@both
def test_a_writer_goes_on_while_a_nearly_full_disk_is_drained(loop):
    live, sealed = prepared(loop.folder)
    old = b"".join(many_lines(100 * MEBI))
    live.write_bytes(old)
    filled(loop.folder, 10 * MEBI)
    # The writer's numbers begin at zero too, so its lines are told from the first ones by where they begin.
    with writing(live, 20_000) as writer:
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            drained(live, sealed, keep_bytes=64 << 10)
        more = writer.stop()
    whole = b"".join(pieces(live, sealed))
    assert whole[: len(old)] == old
    assert_lines([whole[len(old) :]], more)
    assert left_free(loop.folder) > 50 * MEBI


@both
@pytest.mark.parametrize("free", some([0, 40 << 10], [4096, 200 << 10]))
def test_on_a_full_disk_nothing_changes_or_it_is_sealed(loop, free):
    live, sealed = prepared(loop.folder)
    data = os.urandom(20 * MEBI + 77)
    live.write_bytes(data)
    with open_journal(sealed / ".journal", STREAM, sealed):
        pass
    filler = filled(loop.folder, free)
    try:
        drained(live, sealed, keep_bytes=0)
    except HostError:
        assert read_record(sealed / ".journal").state == "idle"
        assert not list(sealed.glob(".*.tmp"))
    assert b"".join(pieces(live, sealed)) == data
    filler.unlink()
    os.sync()
    drained(live, sealed, keep_bytes=0)
    assert live.stat().st_size <= 4096
    assert b"".join(pieces(live, sealed)) == data


@both
def test_a_sparse_file_of_twenty_gigabytes_is_refused_and_not_read(loop):
    live, sealed = prepared(loop.folder)
    live.write_bytes(b"the only line\n")
    os.truncate(live, 20 << 30)
    before, read = left_free(loop.folder), bytes_read()
    with pytest.raises(Exception, match="has holes"):
        drained(live, sealed, keep_bytes=0)
    assert bytes_read() - read < MEBI
    assert before - left_free(loop.folder) < MEBI
    assert {path.name for path in sealed.iterdir()} == {".journal"}


def bytes_read() -> int:
    """Return how many bytes this process has ever read."""
    return int(Path("/proc/self/io").read_text().split()[1])

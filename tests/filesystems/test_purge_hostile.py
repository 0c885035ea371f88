"""The purge under attack: names swapped while it works, kills and crashes at any moment, disks without a free byte."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, NodeopsError
from nodeops.disk.guard.ballast import release, restore
from nodeops.disk.purge.executor import Limits
from nodeops.disk.purge.intents import intent_of
from nodeops.host.usage import filesystems
from nodeops.logstore.naming import Segment
from nodeops.receipts.book import RESERVE_BYTES, opened, receipts, settle, verify
from nodeops.receipts.chain import settled
from tests.filesystems.disks import LOGFLUSH, NOLOGFLUSH, Disk, child, disk, ended, killed
from tests.tiers import sizes, some
from tests.unit.disk.purge.samples import House, fill, make_house

FEW = Limits(4, 1 << 40)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def digests(house: House) -> set[str]:
    """Return the content of every segment that still exists anywhere, by the digest that its file ends with."""
    found = {path for path in (house.root / "log").rglob("*") if path.is_file() and not path.is_symlink()}
    return {path.read_bytes()[-512:].partition(b'"plain":"')[2][:64].decode() for path in found}


# What the racer puts under a segment's name while the segment itself is kept aside.
BAITS: dict[str, Callable[[House, Path], object]] = {
    "link to a key": lambda house, path: path.symlink_to(house.key),
    "link to the data": lambda house, path: path.symlink_to(house.root / "ledger/data"),
    "hard link to a key": lambda house, path: os.link(house.key, path),
    "folder": lambda house, path: path.mkdir(),
    "pipe": lambda house, path: os.mkfifo(path),
    "nothing": lambda house, path: None,
}


def swap(house: House, dice: random.Random) -> None:
    """Put a bait under the name of a random segment, and the segment back a moment later."""
    name = dice.choice([name for name in house.names() if not name.startswith(".")] or ["none"])
    path, aside = house.sealed / name, house.root / "log/aside"
    with contextlib.suppress(OSError):
        path.rename(aside)
        BAITS[dice.choice(list(BAITS))](house, path)
        time.sleep(dice.choice([0, 0, 0.0001, 0.001]))
    with contextlib.suppress(OSError):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    with contextlib.suppress(OSError):
        aside.rename(path)


def race(house: House, seed: int) -> None:
    """Swap until it is told to stop, or its test has died."""
    dice, test = random.Random(seed), os.getppid()
    while os.getppid() == test and not (house.root / "log/stop").exists():
        swap(house, dice)


@pytest.mark.parametrize("least", sizes(60, 400))
def test_names_are_swapped_all_the_time_and_nothing_else_is_touched(house, record_property, least):
    """Until so many segments were purged, and some were refused."""
    before, counts, dice = house.decoys(), Counter(), random.Random(1)
    racer = child(lambda: race(house, 1))
    known: dict[str, Segment] = {}
    try:
        while counts["done"] < least or counts["refused"] + counts["aborted"] < least // 5:
            if len(house.names()) < 10:
                known |= {segment.name: segment for segment in house.segments(40, f"stream-{counts['purges']}")}
            wanted = [known[name] for name in sorted(house.names()) if name in known]
            dice.shuffle(wanted)
            with contextlib.suppress(NodeopsError):
                done = house.purge(wanted[:8], whole=counts["purges"] % 2 == 0)
                counts.update(receipt.state for receipt in done.receipts)
                counts.update(refused=len(done.refused), alarms=len(done.alarms))
            counts["purges"] += 1
    finally:
        (house.root / "log/stop").touch()
        ended(racer)
    record_property("counts", dict(counts))
    assert house.decoys() == before
    assert verify(house.receipts)[2] == []
    # A segment that is nowhere any more has its receipt.
    gone = {segment.plain for segment in known.values()} - digests(house)
    assert gone <= {receipt.plain for receipt in receipts(house.receipts) if receipt.state == "done"}


def purge_all(house: House, segments: list[Segment], limits: Limits = FEW) -> None:
    """Be a guard: purge until everything is gone, whatever happens to the executor."""
    with contextlib.suppress(NodeopsError):
        settle(house.receipts, "validator-1")
    while house.names():
        with contextlib.suppress(NodeopsError):
            house.purge([segment for segment in segments if segment.name in house.names()], limits)


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_running(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def life_seconds(house: House, segments: list[Segment]) -> float:
    """Return how long a purge takes here and now, so that kills hit it at any moment on a slow host too."""
    began = time.monotonic()
    for number in range(4):
        house.purge(segments[number * 4 : number * 4 + 4])
    return (time.monotonic() - began) / 4


def await_executor(guard: int, life: float) -> list[int]:
    """Return the executor that a guard has started, as soon as it has; nothing when that takes too long."""
    until = time.monotonic() + 2
    while not (found := children(guard)) and time.monotonic() < until and is_running(guard):
        time.sleep(life / 50)
    return found


def kill_once(guard: int, life: float, dice: random.Random) -> str:
    """Kill the next executor at a random moment of its life, or the guard itself; return which."""
    found = await_executor(guard, life)
    time.sleep(dice.uniform(0, life))
    if dice.random() < 0.1:
        killed(guard)
        return "guard"
    with contextlib.suppress(ProcessLookupError):
        for executor in found[:1]:
            os.kill(executor, signal.SIGKILL)
            return "executor"
    return "nobody"


@pytest.mark.parametrize("seed", some([2], [3, 5, 7, 11]))
def test_kills_at_random_moments_leave_a_true_account(house, record_property, seed):
    """Twenty kills of an executor or more, until one fell between an intent and its result."""
    dice, before, kills = random.Random(seed), house.decoys(), Counter()
    segments, guard, life = list[Segment](), 0, 0.0
    while kills["executor"] <= 20 or b"interrupted" not in house.receipts.read_bytes():
        if not house.names():
            more = house.segments(400, f"stream-{len(segments)}")
            segments, life = [*segments, *more], life_seconds(house, more)
            if guard:
                killed(guard)
            guard = child(lambda: purge_all(house, segments))  # noqa: B023 - it is forked here
        kills.update([died := kill_once(guard, life, dice)])
        if died == "guard":
            guard = child(lambda: purge_all(house, segments))  # noqa: B023
    killed(guard)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(NodeopsError):
            settle(house.receipts, "validator-1")
            break
    count, _, problems = verify(house.receipts)
    notes = Counter(receipt.note.partition(";")[0] for receipt in receipts(house.receipts))
    record_property("counts", {**kills, "receipts": count, "left": len(house.names()), "interrupted": notes["interrupted"]})
    assert problems == []
    assert house.done() == {segment.name for segment in segments} - house.names()
    assert kills["executor"] > 20
    assert notes["interrupted"] > 0
    assert house.decoys() == before


@pytest.fixture(params=["ext4", "xfs"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk(request.param, tmp_path) as made:
        yield made


@needs_root
def test_a_disk_without_a_free_byte_is_purged_with_receipts(small):
    house = make_house(small.folder / "host")
    with opened(house.receipts, "validator-1"):
        pass
    segments, before = house.segments(200), house.decoys()
    for number in range(0, 200, 10):
        filler = fill(small.folder)
        with pytest.raises(OSError, match="No space left"):
            (small.folder / "more").write_bytes(b"x" * 100_000)
        done = house.purge(segments[number : number + 10])
        assert (len(done.receipts), done.stopped) == (10, "")
        if number % 50 == 0:
            filler.unlink()
    assert (house.names(), house.decoys()) == (set(), before)
    assert len(house.done()) == 200


def crumbs(folder: Path) -> None:
    """Fill a filesystem so that what is free lies in single blocks, a few for each file that is kept."""
    folder.mkdir()
    files = []
    with contextlib.suppress(OSError):
        for number in range(100_000):
            files.append(folder / str(number))
            files[-1].write_bytes(b"x" * 4096)
    for path in files[::2][:2000]:
        path.unlink()


@needs_root
def test_the_reserve_holds_although_it_lies_in_single_blocks(tmp_path, record_property):
    with disk("ext4", tmp_path, 32 << 20) as small:
        crumbs(small.folder / "crumbs")
        path = small.folder / "receipts.jsonl"
        segment = Segment("ledger", 0, 1, 1, 1.0, 2.0, "a" * 64, "b" * 64, 9, "ledger.0000000000000000-0000000000000001.zst")
        with opened(path, "a") as book:
            fill(small.folder)
            with pytest.raises(HostError, match="No space left"):
                while True:
                    intents = book.intend([intent_of(segment, "/nowhere", "oldest", "high", 0)] * 16)
                    book.append([settled(intent, "aborted") for intent in intents])
        size = path.stat().st_size
        record_property("bytes on a full disk", size)
        assert size > RESERVE_BYTES * 0.9
        assert verify(path)[2] == []
        small.again()
        assert (path.stat().st_size, verify(path)[2]) == (size, [])


@needs_root
def test_ballast_gives_back_real_space(small):
    filesystem = filesystems([small.folder])[0]
    taken = restore(small.folder, filesystem, 75.0)
    assert filesystems([small.folder])[0].free <= filesystem.free - taken
    fill(small.folder)
    # What root may still use: ext4 keeps blocks for it, and root has filled those too.
    full = free_for_root(small.folder)
    freed = release(small.folder) + release(small.folder)
    assert freed == taken > 5_000_000
    until = time.monotonic() + 60
    while free_for_root(small.folder) < full + freed and time.monotonic() < until:
        time.sleep(0.1)
    assert free_for_root(small.folder) >= full + freed


def free_for_root(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bfree * facts.f_frsize


@needs_root
@pytest.mark.parametrize("most", sizes(5, 15))
def test_a_crash_of_the_filesystem_leaves_a_true_account(small, record_property, most):
    house = make_house(small.folder / "host")
    dice, crashes, removed = random.Random(3), 0, set()
    segments = house.segments(400)
    life = life_seconds(house, segments)
    os.sync()
    while house.names() and crashes < most:
        guard = child(lambda: purge_all(house, segments))
        await_executor(guard, life)
        time.sleep(dice.uniform(0, 4 * life))
        small.crash(dice.choice([LOGFLUSH, NOLOGFLUSH]))
        killed(guard)
        small.again()
        crashes += 1
        said = {receipt.name for receipt in receipts(house.receipts) if receipt.state == "done"}
        # What was called done before the crash is gone after it, and what was said before is still said.
        assert not said & house.names()
        assert removed <= said
        settle(house.receipts, "validator-1")
        removed = house.done()
        assert removed == {segment.name for segment in segments} - house.names()
    record_property("counts", {"crashes": crashes, "removed": len(removed)})
    assert removed
    small.umount()
    assert small.fsck() == 0
    small.mount()

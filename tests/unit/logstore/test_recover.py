"""What a crash leaves of a cut, as the filesystems do leave it, and recovery from it: exact, repeatable, and killed itself."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.host import extents
from nodeops.host.extents import collapse_refusal
from nodeops.logstore.holes import mend
from nodeops.logstore.intents import Record
from nodeops.logstore.recover import NOTHING
from tests.unit.logstore.samples import BLOCK, STREAM, Killed, Log, faulty, lines, moved, punched, unshortened, where_it_is

CUT = 4
NAME = f"{STREAM}.{0:016x}-{CUT * BLOCK:016x}.zst"


@pytest.fixture(autouse=True)
def nothing_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if reason := collapse_refusal(tmp_path):
        pytest.skip(reason)
    return tmp_path


def collapsed(log: Log, record: Record) -> None:
    with log.live.open("r+b") as file:
        extents.collapse(file.fileno(), 0, record.cut)


def elsewhere(change: Callable[[Log, Record], None]) -> Callable[[Log, Record], None]:
    """Return a change after which the record's first block lies where no block of the log is."""

    def both(log: Log, record: Record) -> None:
        change(log, record)
        with log.journal() as journal:
            journal.write(replace(journal.record, physical=BLOCK))

    return both


def in_place(change: Callable[[Log, Record], None]) -> Callable[[Log, Record], None]:
    """Return a change after which the first block lies where the record says."""

    def both(log: Log, record: Record) -> None:
        change(log, record)
        with log.journal() as journal:
            journal.write(where_it_is(log)(journal.record))

    return both


def last_block(log: Log) -> int:
    """Return where the log's last block begins."""
    return (len(log.written) - 1) // BLOCK * BLOCK


STATES = {
    "nothing taken out": (lambda log, record: None, "taken out again"),
    "all taken out": (collapsed, "had been taken out already"),
    "head removed but for a block": (in_place(lambda log, record: punched(log, record, BLOCK)), "other 4096 bytes taken out"),
    "head removed but for three": (in_place(lambda log, record: punched(log, record, 3 * BLOCK)), "other 12288 bytes taken out"),
    "head removed": (lambda log, record: punched(log, record, 0), "hole at 0 closed"),
    "one block moved": (elsewhere(lambda log, record: moved(log, record, BLOCK)), "hole at 4096 closed"),
    "all but the last block moved": (elsewhere(lambda log, record: moved(log, record, last_block(log) - record.cut)), " closed"),
    "all moved, size not set": (elsewhere(unshortened), "its end set"),
}
SIZES = [123, 0, 1, BLOCK - 1]


@pytest.mark.parametrize("rest", SIZES)
@pytest.mark.parametrize(("change", "said"), STATES.values(), ids=STATES)
def test_whatever_a_crash_leaves_is_finished_to_the_byte(folder, change, said, rest):
    log = Log(folder, lines(10 * BLOCK + rest))
    change(log, log.interrupted(CUT))
    assert said in log.recover()
    assert log.recover() == NOTHING
    assert log.whole == log.written
    log.append(lines(5 * BLOCK))
    log.seal(3)
    assert (log.whole == log.written, log.record.gaps_total) == (True, 0)


@pytest.mark.parametrize("rest", [123, 0])
@pytest.mark.parametrize(("change", "said"), STATES.values(), ids=STATES)
def test_a_recovery_killed_at_any_step_is_finished_by_the_next(folder, change, said, rest):
    for number in range(12):
        log = Log(folder / str(number), lines(10 * BLOCK + rest))
        change(log, log.interrupted(CUT))
        with faulty(number, "die") as faults, suppress(Killed):
            log.recover()
        log.recover()
        assert log.whole == log.written
        if len(faults.calls) <= number:
            return
    pytest.fail("a recovery has more steps than expected")


@pytest.mark.parametrize(("change", "said"), STATES.values(), ids=STATES)
def test_a_recovery_on_a_disk_that_fails_is_finished_by_the_next(folder, change, said):
    for number in range(12):
        log = Log(folder / str(number))
        change(log, log.interrupted(CUT))
        with faulty(number, "fail") as faults, suppress(HostError):
            log.recover()
        log.recover()
        assert log.whole == log.written
        if len(faults.calls) <= number:
            return
    pytest.fail("a recovery has more steps than expected")


def intent(log: Log, record: Record) -> None:
    with log.journal() as journal:
        journal.write(replace(journal.record, state="intent", plain=""))


@pytest.mark.parametrize("left", [NAME, f".{NAME}.tmp", ""])
def test_a_segment_that_was_not_declared_good_goes(folder, left):
    log = Log(folder)
    intent(log, log.interrupted(CUT))
    if left:
        (log.sealed / NAME).rename(log.sealed / left)
    else:
        (log.sealed / NAME).unlink()
    assert log.recover() == f"given up: {NAME} was not complete; the log is untouched"
    assert (log.names, log.live.read_bytes(), log.record.base) == (set(), log.written, 0)


def test_a_segment_is_kept_when_its_intent_is_older_than_what_was_done(folder):
    log = Log(folder)
    record = log.interrupted(CUT)
    collapsed(log, record)
    intent(log, record)
    with pytest.raises(HostError, match="the log's head has changed"):
        log.recover()
    assert log.whole == log.written


@pytest.mark.parametrize("state", ["intent", "sealed"])
def test_the_segment_stays_when_the_log_is_gone(folder, state):
    log = Log(folder)
    record = log.interrupted(CUT)
    if state == "intent":
        intent(log, record)
    log.live.unlink()
    assert log.recover() == f"kept: {NAME} is whole; the log it came from is gone"
    assert log.stored == log.written[: CUT * BLOCK]
    log.live.write_bytes(lines(5 * BLOCK))
    log.seal(1)
    assert [(gap.start, gap.end) for gap in log.record.gaps] == [(CUT * BLOCK, 10 * BLOCK + 123)]


@pytest.mark.parametrize("new", ["node.log.1", "renamed"])
def test_a_log_that_was_renamed_meanwhile_is_found(folder, new):
    log = Log(folder)
    log.interrupted(CUT)
    log.live.rename(log.live.with_name(new))
    log.live.write_bytes(b"the next log\n")
    assert "taken out again" in log.recover()
    assert log.stored + log.live.with_name(new).read_bytes() == log.written
    assert log.live.read_bytes() == b"the next log\n"


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: os.truncate(path, 100)])
def test_a_damaged_segment_is_given_up_while_the_log_has_its_bytes(folder, damage):
    log = Log(folder)
    log.interrupted(CUT)
    damage(log.sealed / NAME)
    assert log.recover() == f"given up: {NAME} is missing or damaged; the log still holds its bytes"
    assert (log.names, log.live.read_bytes()) == (set(), log.written)
    log.seal(CUT)
    assert log.whole == log.written


def test_a_lost_segment_stops_everything(folder):
    log = Log(folder)
    collapsed(log, log.interrupted(CUT))
    (log.sealed / NAME).unlink()
    before = log.live.read_bytes()
    with pytest.raises(HostError, match="missing or damaged, and the log does not hold its bytes"):
        log.recover()
    assert (log.live.read_bytes(), log.record.state) == (before, "sealed")


def test_equal_blocks_are_told_apart_by_their_place(folder):
    for change, left in ((lambda log, record: None, 10), (collapsed, 10)):
        log = Log(folder / str(left) / getattr(change, "__name__", "x"), b"equal lines to the end\n" * 2000)
        log.written = (b"x" * 63 + b"\n") * (BLOCK // 64 * left) + b"end"
        log.live.write_bytes(log.written)
        change(log, log.interrupted(CUT))
        log.recover()
        assert (log.whole == log.written, log.record.base) == (True, CUT * BLOCK)


@pytest.mark.parametrize("change", [lambda log, record: None, collapsed])
def test_without_a_place_bytes_may_be_there_twice_but_are_never_lost(folder, change):
    log = Log(folder, (b"x" * 63 + b"\n") * (BLOCK // 64 * 10) + b"end")
    change(log, log.interrupted(CUT, lambda record: replace(record, physical=None)))
    log.recover()
    assert len(log.whole) in (len(log.written), len(log.written) + CUT * BLOCK)
    assert log.whole.endswith(b"\nend")


def test_a_log_shortened_by_others_is_done_and_leaves_a_gap(folder):
    log = Log(folder)
    log.interrupted(CUT)
    os.truncate(log.live, 0)
    assert log.recover().endswith("somebody has shortened the log to 0 bytes")
    log.live.write_bytes(lines(5 * BLOCK))
    assert (log.seal(1).start, log.record.gaps_total) == (10 * BLOCK + 123, 1)


def overwritten(log: Log, record: Record) -> None:
    with log.live.open("r+b") as file:
        file.write(b"something else")


def two_holes(log: Log, record: Record) -> None:
    punched(log, record, BLOCK)
    os.truncate(log.live, 30 * BLOCK)


def appended_behind_the_end(log: Log, record: Record) -> None:
    unshortened(log, record)
    with log.live.open("ab") as file:
        file.write(lines(3 * BLOCK))


UNKNOWN = {
    "the head is another": in_place(overwritten),
    "two holes": two_holes,
    "a hole of another length": elsewhere(lambda log, record: moved(log, replace(record, cut=BLOCK), BLOCK)),
    "what is left of the head is another": lambda log, record: (punched(log, record, BLOCK), overwritten(log, record)),
    "a writer ran before recovery": elsewhere(appended_behind_the_end),
}


@pytest.mark.parametrize("change", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_understood_is_not_touched(folder, change):
    log = Log(folder)
    change(log, log.interrupted(CUT))
    before = log.live.read_bytes()
    for _ in range(2):
        with pytest.raises(HostError, match="a cut was interrupted and it is not clear how far it came"):
            log.recover()
    assert (log.live.read_bytes(), log.names, log.record.state) == (before, {NAME}, "sealed")


def with_lost_bytes(log: Log) -> None:
    """Let the log end in bytes of which some never reached the disk."""
    place = -(-log.live.stat().st_size // BLOCK) * BLOCK
    with log.live.open("r+b") as file:
        for number in (1, 4):
            file.seek(place + number * BLOCK)
            file.write(b"late\n" * 500)


@pytest.mark.parametrize("change", [lambda log, record: None, collapsed], ids=["before", "after"])
def test_holes_of_bytes_that_were_never_written_out_are_none_of_ours(folder, change):
    log = Log(folder)
    change(log, log.interrupted(CUT))
    with_lost_bytes(log)
    before = log.stored + log.live.read_bytes()
    log.recover()
    whole = before if change is collapsed else before[CUT * BLOCK :]
    assert log.whole == whole
    with pytest.raises(Refused, match="has holes"):
        log.seal(1)
    assert [mend(log.live), mend(log.live)] == [3 * BLOCK, 0]
    log.seal(99)
    assert log.whole == whole


def test_a_log_that_is_written_or_sparse_is_not_mended(folder):
    log = Log(folder)
    with_lost_bytes(log)
    with log.live.open("ab"), pytest.raises(Refused, match="somebody writes to it"):
        mend(log.live)
    os.truncate(log.live, 20 << 30)
    with pytest.raises(Refused, match="bytes of holes: its writer does not append"):
        mend(log.live)
    assert log.live.stat().st_blocks < 200

"""The intent journal: a torn write leaves what was before, damage is not guessed over, two at once are not possible."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, NodeopsError, Refused
from nodeops.logstore.intents import SLOT_BYTES, Gap, Journal, Record, open_journal, read_record
from nodeops.logstore.marks import MARKS, Mark


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def opened(path: Path) -> Journal:
    return open_journal(path, "node", path.parent)


def written(path: Path, count: int) -> None:
    with opened(path) as journal:
        for number in range(1, count + 1):
            journal.write(replace(journal.record, base=number))


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_last_record_is_read(path, count):
    written(path, count)
    with opened(path) as journal:
        assert (journal.record.base, read_record(path)) == (count, journal.record)
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (2 * SLOT_BYTES, 0o640)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 65, 150])
def test_a_torn_write_leaves_the_record_before(path, count, length, monkeypatch):
    written(path, count)
    real = os.pwrite
    with opened(path) as journal:
        monkeypatch.setattr(os, "pwrite", lambda handle, data, place: real(handle, data[:length], place) and len(data))
        journal.write(replace(journal.record, base=99))
        monkeypatch.undo()
    assert read_record(path).base == count


def test_a_write_that_fails_is_written_to_the_same_place_again(path, monkeypatch):
    written(path, 3)
    with opened(path) as journal:
        for _ in range(2):
            with monkeypatch.context() as patch, pytest.raises(HostError, match="No space left"):
                patch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
                journal.write(replace(journal.record, base=99))
            assert journal.record.base == 3
        journal.write(replace(journal.record, base=4))
    assert read_record(path).base == 4
    raw = bytearray(path.read_bytes())
    raw[SLOT_BYTES:] = bytes(SLOT_BYTES)
    path.write_bytes(raw)
    assert read_record(path).base == 3


@pytest.mark.parametrize("slot", [0, 1])
def test_one_bad_slot_leaves_the_other(path, slot):
    written(path, 4)
    raw = bytearray(path.read_bytes())
    raw[slot * SLOT_BYTES + 200] ^= 1
    path.write_bytes(raw)
    assert read_record(path).base == {0: 4, 1: 3}[slot]


def test_two_bad_slots_are_not_guessed_over(path):
    written(path, 4)
    path.write_bytes(bytes(2 * SLOT_BYTES))
    with pytest.raises(HostError, match="damaged in both places") as caught:
        opened(path)
    assert caught.value.hint.startswith("move this file away: the stream then goes on at the end of its last segment")


def test_one_that_was_moved_away_goes_on_at_the_last_segment(path):
    for name in ("node.0000000000000000-0000000000001000.zst", "node.0000000000001000-0000000000005000.zst"):
        (path.parent / name).touch()
    (path.parent / "other.0000000000000000-0000000000009000.zst").touch()
    with opened(path) as journal:
        assert (journal.record.base, journal.record.identity) == (0x5000, None)


@pytest.mark.parametrize("size", [0, 1, SLOT_BYTES, 2 * SLOT_BYTES - 1])
def test_one_whose_making_was_interrupted_is_made(path, size):
    written(path, 0)
    os.truncate(path, size)
    written(path, 2)
    assert read_record(path).base == 2


HOLD = """
import sys
from pathlib import Path
from nodeops.logstore.intents import open_journal
with open_journal(Path(sys.argv[1]), "node", Path(sys.argv[1]).parent):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_is_refused_until_the_first_is_killed(path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Refused, match="another nodeops seals this log"):
            opened(path)
        assert read_record(path).stream == "node"
        other.kill()
    with opened(path):
        pass


def test_the_journal_of_another_stream_is_refused(path):
    written(path, 1)
    with pytest.raises(HostError, match="is the journal of node, not of other"):
        open_journal(path, "other", path.parent)


def link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def fields_of_tomorrow(path: Path) -> None:
    raw = path.read_bytes()
    slot = raw[65:SLOT_BYTES].rstrip()[:-1] + b',"tomorrow":1}'
    slot = slot.ljust(SLOT_BYTES - 65)
    path.write_bytes(sha256(slot).hexdigest().encode() + b"\n" + slot + raw[SLOT_BYTES:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (link, "symbolic link"),
        (lambda path: os.link(path, path.with_name("2")), "no plain file with one name"),
        (fields_of_tomorrow, "was written by a newer nodeops"),
    ],
)
def test_what_is_no_journal_of_ours_is_refused(path, change, message):
    written(path, 2)
    change(path)
    with pytest.raises(NodeopsError, match=message):
        opened(path)


def test_the_longest_record_fits_and_comes_back(path):
    big = (1 << 63) - 1
    record = Record("s" * 100, state="sealed", base=big, start=big, cut=big, size=big, plain="f" * 64, physical=big, whole=True)
    record = replace(record, segment=f"{'s' * 100}.{big:016x}-{big:016x}.zst", device=big, inode=big, generation=2**32 - 1)
    record = replace(record, path="/" + "p" * 1000, marks=tuple(Mark(1795616026.725, big) for _ in range(MARKS)))
    gaps = tuple(Gap(number, big, 1795616026.725, "shortened") for number in range(30))
    with open_journal(path, "s" * 100, path.parent) as journal:
        journal.write(replace(record, gaps=gaps, gaps_total=30))
        assert journal.record.gaps == gaps[-12:]
        assert read_record(path) == journal.record


def test_a_path_that_is_too_long_is_left_out(path):
    with opened(path) as journal:
        journal.write(replace(journal.record, path="/" + "ä" * 400))
    assert read_record(path).path == ""


def test_names_that_are_no_text_come_back(path):
    name = os.fsdecode(b"/log/\xff\xfe\n")
    with opened(path) as journal:
        journal.write(replace(journal.record, path=name))
    assert read_record(path).path == name

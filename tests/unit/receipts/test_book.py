"""Receipts are only ever added, also on a full disk; whatever is changed or taken out of them is found."""

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.core.errors import HostError, Refused
from nodeops.disk.purge.intents import intent_of
from nodeops.logstore.naming import Segment, segment_name
from nodeops.receipts.book import MOST_INTENTS, RESERVE_BYTES, Book, head, opened, receipts, settle, verify
from nodeops.receipts.chain import LONGEST_LINE, NOTHING, START, Receipt, line_of, receipt_of, settled
from tests.unit.disk.purge.samples import fill, mounted

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
quick = settings(suppress_health_check=CHECKS, deadline=None, max_examples=40)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "receipts.jsonl"


def intent(number: int, folder: str = "/nowhere") -> Receipt:
    name = segment_name("ledger", number, number + 1)
    return intent_of(Segment("ledger", number, number + 1, 1, 1.0, 2.0, "a" * 64, "b" * 64, 9, name), folder, "oldest", "high", 5)


def add(book: Book, *numbers: int) -> None:
    book.append([settled(entry, "done", "", 14) for entry in book.intend([intent(number) for number in numbers])])


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a file of ten receipts."""
    path = tmp_path_factory.mktemp("chain") / "receipts.jsonl"
    with opened(path, "a") as book:
        add(book, 1)
        add(book, 2, 3)
        add(book, 4, 5)
    return path.read_bytes()


def test_a_chain_is_whole_and_every_line_names_the_one_before(path):
    with opened(path, "validator-1") as book:
        add(book, 1)
        add(book, 2, 3)
    with opened(path, "validator-1") as book:
        add(book, 4)
    count, last, problems = verify(path)
    assert (count, problems) == (8, [])
    assert last == head(path)
    entries = list(receipts(path))
    assert [entry.state for entry in entries] == ["intent", "done", "intent", "intent", "done", "done", "intent", "done"]
    assert [entry.intent for entry in entries] == [1, 1, 3, 4, 3, 4, 7, 7]
    assert entries[0].previous == NOTHING
    assert oct(path.stat().st_mode)[-3:] == "600"


def test_no_file_is_no_receipts(path):
    assert (verify(path), head(path), list(receipts(path))) == ((0, START, []), START, [])


@quick
@given(st.data())
def test_every_change_is_found(path, chain, data):
    lines = chain.splitlines(keepends=True)
    kind = data.draw(st.sampled_from(["byte", "line out", "lines swapped", "line twice", "line in"]))
    number = data.draw(st.integers(0, len(lines) - 2))
    if kind == "byte":
        place = data.draw(st.integers(0, len(chain) - len(lines[-1]) - 1))
        changed = bytearray(chain)
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
        lines = [bytes(changed)]
    elif kind == "line out":
        del lines[number]
    elif kind == "line twice":
        lines.insert(number, lines[number])
    elif kind == "line in":
        lines.insert(number, data.draw(st.binary(min_size=1)) + b"\n")
    else:
        lines[number], lines[number + 1] = lines[number + 1], lines[number]
    path.write_bytes(b"".join(lines))
    assert verify(path)[2] != []


@pytest.mark.parametrize("kept", range(1, 9))
def test_receipts_taken_from_the_end_show_in_the_head(path, chain, kept):
    path.write_bytes(b"".join(chain.splitlines(keepends=True)[:kept]))
    whole = path.parent / "whole"
    whole.write_bytes(chain)
    assert head(path).sequence == kept
    assert head(path) != head(whole)


@quick
@given(st.data())
def test_a_crash_at_any_byte_is_moved_past_and_told(path, chain, data):
    kept = data.draw(st.integers(0, len(chain)))
    junk = data.draw(st.just(b"") | st.binary(max_size=50).map(lambda junk: b"\0" + junk.replace(b"\n", b"\0")))
    path.write_bytes(chain[:kept] + junk)
    before = path.read_bytes()
    assert verify(path)[2] == []
    results = settle(path, "b")
    with opened(path, "b") as book:
        add(book, 7)
    assert path.read_bytes().startswith(before)
    count, last, problems = verify(path)
    assert (problems, last) == ([], head(path))
    assert count == len(list(receipts(path)))
    torn = [entry.torn_bytes for entry in receipts(path) if entry.torn_bytes]
    rest = before[before.rfind(b"\n") + 1 :]
    assert torn == ([len(rest)] if rest and receipt_of(rest) is None else [])
    assert {result.state for result in results} <= {"aborted"}


def test_a_crash_while_moving_past_a_crash(path, chain):
    path.write_bytes(chain + b'{"half')
    with path.open("ab") as file:
        file.write(b'\n{"end":1,"fold')
    with opened(path, "b") as book:
        add(book, 7)
    assert verify(path)[2] == []
    assert [entry.torn_bytes for entry in receipts(path)][-2:] == [len(b'{"half\n{"end":1,"fold'), 0]


def test_foreign_lines_at_the_end_are_a_problem_until_they_are_named(path, chain):
    path.write_bytes(chain + b"what is this?\n")
    assert "no receipt" in verify(path)[2][0]
    with opened(path, "b") as book:
        add(book, 7)
    assert verify(path)[2] == []


def test_much_that_is_no_receipt_stays_a_problem(path, chain):
    path.write_bytes(chain + random.Random(1).randbytes(100 * LONGEST_LINE))
    with opened(path, "b") as book:
        add(book, 7)
    count, _, problems = verify(path)
    assert len(problems) == 1
    assert count == 12


HOSTILE = [
    b"[" * 4000,
    b'{"a":' * 600,
    b"1" * 4000,
    b"NaN",
    b"null",
    b'"x"',
    b"\xff\xfe",
    b"{}",
    line_of(intent(1)).replace(b'"size":9', b'"size":true'),
    line_of(intent(1)).replace(b'"size":9', b'"size":9.0'),
    line_of(intent(1)).replace(b'"size":9', b'"size": 9'),
    line_of(intent(1)).replace(b'"time":0.0', b'"time":NaN'),
    line_of(intent(1)).replace(b'"intent",', b'"removed",'),
    line_of(intent(1)).replace(b"{", b'{"more":1,', 1),
    line_of(intent(1)).replace(b'"version":1', b'"version":1,"version":1'),
]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:30]))
def test_what_is_no_receipt_is_none(line):
    assert receipt_of(line) is None


@quick
@given(st.text(), st.text(), st.none() | st.integers(0, 2**63), st.floats(0, 2e9))
def test_a_receipt_survives_its_line(name, note, free, moment):
    entry = settled(intent(1), "done", note, free)
    entry = Receipt(**{**vars(entry), "name": name, "time": moment})
    assert receipt_of(line_of(entry)) == entry
    assert b"\n" not in line_of(entry)


def test_intents_wait_until_the_last_ones_are_settled(path):
    with opened(path, "a") as book:
        book.intend([intent(1)])
        with pytest.raises(Refused, match="not settled"):
            book.intend([intent(2)])
        book.settle()
        book.intend([intent(2)])
    with opened(path, "a") as book, pytest.raises(Refused):
        book.intend([intent(3)])
    settle(path, "a")
    with opened(path, "a") as book, pytest.raises(Refused, match="too many"):
        book.intend([intent(number) for number in range(MOST_INTENTS + 1)])
    assert verify(path)[2] == []


def test_intents_that_nobody_settled_are_a_problem(path):
    with opened(path, "a") as book:
        book.append([intent(1)])
        book.append([settled(intent(9), "aborted")])
        book.append([intent(2)])
    problems = verify(path)[2]
    assert len(problems) == 2
    assert "no open one" in problems[0]
    assert "never settled" in problems[1]


def test_an_interrupted_intent_is_settled_by_what_is_there(path, tmp_path):
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    entries = [intent(1, str(sealed)), intent(2, str(sealed)), intent(3, str(tmp_path / "not mounted"))]
    (sealed / entries[0].name).touch()
    with opened(path, "a") as book:
        book.intend(entries)
    results = settle(path, "a")
    assert [result.state for result in results] == ["aborted", "done", "aborted"]
    assert ["still there" in results[0].note, "was gone" in results[1].note, "not known" in results[2].note] == [True] * 3
    assert (settle(path, "a"), verify(path)[2]) == ([], [])


def test_a_long_file_is_opened_by_its_end(path, chain):
    with opened(path, "a") as book:
        book.append([settled(entry, "done") for entry in book.append([intent(number) for number in range(300)])])
        book.intend([intent(1000)])
    assert path.stat().st_size > 300_000
    with opened(path, "a") as book:
        assert [entry.start for entry in book.reader.unsettled.values()] == [1000]
    assert len(settle(path, "a")) == 1
    assert verify(path)[0] == 602


def test_one_process_at_a_time(path):
    with opened(path, "a"), pytest.raises(Refused, match="another purge"), opened(path, "b"):
        pass


def link_to(path: Path) -> None:
    (path.parent / "other").touch()
    path.symlink_to(path.parent / "other")


def second_name(path: Path) -> None:
    path.touch(0o600)
    os.link(path, path.parent / "other")


STRANGE = {
    "a link": link_to,
    "a file with two names": second_name,
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a file that all may write": lambda path: (path.touch(), path.chmod(0o666)),
}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_strange_file_is_not_written_to(path, make):
    make(path)
    with pytest.raises((Refused, HostError)), opened(path, "a"):
        pass
    assert not (path.parent / "other").exists() or (path.parent / "other").stat().st_size == 0


def test_space_is_kept_ahead_and_the_size_is_true(path):
    with opened(path, "a") as book:
        add(book, 1)
    facts = path.stat()
    assert facts.st_blocks * 512 >= RESERVE_BYTES
    assert facts.st_size == len(path.read_bytes()) < 4096
    assert json.loads(path.read_bytes().splitlines()[0])["sequence"] == 1


def test_a_full_disk_takes_receipts_until_its_reserve_is_used_and_goes_on_when_there_is_room(tmp_path):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=4m", "tmpfs") as disk:
        path = disk / "receipts.jsonl"
        with opened(path, "a") as book:
            filler = fill(disk)
            with pytest.raises(HostError, match="No space left"):
                for _ in range(1000):
                    add(book, *range(MOST_INTENTS))
            assert book.reader.head.sequence * 650 > RESERVE_BYTES * 0.9
            assert verify(path)[2] == []
            filler.unlink()
            book.settle()
            assert book.top_up()
            add(book, 1)
        assert verify(path)[2] == []
        assert verify(path)[1] == head(path)

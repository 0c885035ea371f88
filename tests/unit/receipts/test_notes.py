"""The book of notes: chained, only appended to, whole after a crash."""

import json

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.receipts import notes


@pytest.fixture
def book(tmp_path):
    file = tmp_path / "book.jsonl"
    for number in range(3):
        notes.append(file, "node-1", "done", {"number": number})
    return file


def test_notes_are_read_as_they_were_written(book):
    found, problems = notes.read(book)
    assert ([note.sequence for note in found], [note.data["number"] for note in found], problems) == ([1, 2, 3], [0, 1, 2], [])
    assert book.stat().st_mode & 0o777 == 0o600


def test_a_book_that_is_not_there_has_no_notes(tmp_path):
    assert notes.read(tmp_path / "none") == ([], [])


def changed(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"number":1', b'"number":7'), lines[2]]


def taken_out(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2]]


def exchanged(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], lines[2]]


def filled(lines: list[bytes]) -> list[bytes]:
    return [lines[0], b"no note\n", *lines[1:]]


@pytest.mark.parametrize("spoil", [changed, taken_out, exchanged, filled])
def test_what_was_changed_is_found(book, spoil):
    book.write_bytes(b"".join(spoil(book.read_bytes().splitlines(keepends=True))))
    assert notes.read(book)[1]


@pytest.mark.parametrize("kept", [1, 20, -2])
def test_a_line_that_a_crash_left_unfinished_is_named_by_the_next(book, kept):
    whole = book.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    book.write_bytes(whole[: -len(last)] + last[:kept])
    notes.append(book, "node-1", "done", {"number": 3})
    found, problems = notes.read(book)
    assert ([note.data["number"] for note in found], problems) == ([0, 1, 3], [])
    assert bool(found[-1].torn)


def test_a_line_that_lacks_its_newline_alone_is_a_note(book):
    book.write_bytes(book.read_bytes().removesuffix(b"\n"))
    notes.append(book, "node-1", "done", {"number": 3})
    found, problems = notes.read(book)
    assert ([note.data["number"] for note in found], problems) == ([0, 1, 2, 3], [])


def test_a_torn_line_that_is_altered_later_is_found(book):
    with book.open("ab") as file:
        file.write(b'{"half')
    notes.append(book, "node-1", "done", {"number": 3})
    book.write_bytes(book.read_bytes().replace(b'{"half', b'{"hulf'))
    assert notes.read(book)[1]


def test_a_file_that_is_not_as_we_made_it_is_refused(book):
    book.chmod(0o666)
    with pytest.raises(Refused):
        notes.append(book, "node-1", "done", {})
    link = book.with_name("link")
    link.symlink_to(book)
    with pytest.raises(HostError):
        notes.append(link, "node-1", "done", {})


def test_a_long_note_is_one_line(book):
    notes.append(book, "node-1", "done", {"packages": {f"package-{number}": ["1", "2"] for number in range(2000)}})
    assert len(json.loads(book.read_bytes().splitlines()[-1])["data"]["packages"]) == 2000
    assert notes.read(book)[1] == []

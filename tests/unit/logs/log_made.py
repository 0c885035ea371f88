"""A log with a real guard's means to seal, rotate and interrupt it, and a model of what its stream holds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.host.extents import collapse_refusal
from nodeops.logs.live_log import LogFiles
from nodeops.logs.stream import LogStream, joined
from nodeops.logstore import seal
from nodeops.logstore.intents import Journal, Record, open_journal, read_record
from nodeops.logstore.seal import seal_closed

STREAM = "ledger"


class MadeLog:
    """A log in a folder. `written` is everything its writer ever wrote."""

    def __init__(self, folder: Path, rotated: str = "") -> None:
        self.files = LogFiles(folder / "ledger.log", folder / "sealed", folder / "journal", STREAM, rotated)
        self.files.sealed.mkdir(exist_ok=True)
        self.files.live.touch()
        self.written = b""

    def write(self, data: bytes, path: Path | None = None) -> None:
        """Append, as a ledger does."""
        with (path or self.files.live).open("ab") as file:
            file.write(data)
        self.written += data

    def write_lines(self, count: int) -> None:
        """Append numbered lines of 100 bytes, so that 41 of them are more than a block."""
        first = self.written.count(b"\n")
        self.write(b"".join(b"%09d %s\n" % (number, b"x" * 89) for number in range(first, first + count)))

    @contextmanager
    def guard(self) -> Iterator[Journal]:
        """Hold the journal, as a guard does."""
        with open_journal(self.files.journal, STREAM, self.files.sealed) as journal:
            yield journal

    def record(self) -> Record:
        """Return what the journal says."""
        return read_record(self.files.journal)

    def begin_as(self, record: Record) -> None:
        """Let the journal say what another one said, of a log that is another file."""
        with self.guard() as journal:
            journal.write(replace(record, device=0, inode=0, generation=0, path="", physical=None))

    def seal(self, most: int = 4096) -> None:
        """Seal one cut."""
        with self.guard() as journal:
            seal.seal(self.files.live, self.files.sealed, journal, STREAM, most, time.time)

    def look(self) -> None:
        """Look at the log, so that the journal knows the file and its size."""
        with self.guard() as journal:
            seal.observe(self.files.live, journal, STREAM, time.time)

    def rename(self, name: str) -> Path:
        """Rename the live log and begin a new one."""
        target = self.files.live.with_name(name)
        self.files.live.rename(target)
        self.files.live.touch()
        return target

    def seal_closed(self, path: Path) -> None:
        """Seal a renamed file to its end, and remove it."""
        with self.guard() as journal:
            for _ in seal_closed(path, self.files.sealed, journal, STREAM, time.time):
                pass

    def segments(self) -> list[Path]:
        """Return the segments, in order."""
        return sorted(self.files.sealed.iterdir())

    def read(self, start: int | None = None, end: int | None = None) -> tuple[bytes, list[str]]:
        """Return what a reader sees between two offsets, and what is reported to it."""
        said: list[str] = []
        with LogStream(self.files, said.append) as stream:
            first, _, last = stream.bounds()
            chunks = stream.read(first if start is None else start, last if end is None else end)
            return b"".join(joined(chunks)), said


def made(folder: Path) -> MadeLog:
    """Return an empty log in a folder; the test is skipped where the filesystem cannot take blocks out of a file."""
    refusal = collapse_refusal(folder)
    if refusal:
        pytest.skip(f"{refusal}: set TMPDIR to a folder on ext4 or XFS")
    return MadeLog(folder)

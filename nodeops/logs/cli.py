"""`nodeops logs`: show, stats, level. The ledger's log as one stream, whatever of it is sealed."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import DocumentOption, JsonFlag, aside, emit, emit_bytes, emit_lines, working
from nodeops.core.errors import HostError, InputError
from nodeops.core.spoken_time import moment
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.clock import host_zone
from nodeops.logs.level_cli import level
from nodeops.logs.lines import Line, Reader, Wanted, levels_from, pattern, select, split
from nodeops.logs.live_log import LogFiles
from nodeops.logs.stats import Statistics
from nodeops.logs.stream import Chunk, LogStream, joined
from nodeops.logs.tail import end_of, start_of, starts_of_tail, tail_start
from nodeops.logs.view import statistics_result
from nodeops.logstore.naming import STREAM

app = typer.Typer(no_args_is_help=True)
app.command()(level)

# What a person who begins to follow a log sees of what was before, as with tail and journalctl.
_FOLLOW_LINES = 10

_TIMES = "2026-11-25 13:00, 13:00, 2026-11-25T13:00:00Z, -2h, today; this host's time zone."
SinceOption = Annotated[str | None, typer.Option("--since", metavar="TIME", help=f"From then on: {_TIMES}")]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Until then; TIME as with --since.")]
GrepOption = Annotated[str | None, typer.Option("--grep", metavar="REGEX", help="Only lines in which this is found.")]
LevelOption = Annotated[str | None, typer.Option("--level", help="Only lines of this level and of more important ones.")]
ModuleOption = Annotated[list[str] | None, typer.Option("--module", help="Only lines of this module; may be given repeatedly.")]
FollowFlag = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until interrupted.")]
LinesOption = Annotated[
    int | None,
    typer.Option(
        "--lines",
        "-n",
        min=0,
        max=1_000_000_000,
        help="Only the last of the lines asked for; with --follow: look at so many before.",
    ),
]


def log_files(document: NodeDocument) -> LogFiles:
    """Return where the ledger's log is on a host."""
    paths, rotated = document.ledger.paths, document.ledger.log.rotated or ""
    return LogFiles(Path(paths["log"]), Path(paths["sealed_log"]), Path(document.paths["log_journal"]), STREAM, rotated)


def _opened(files: LogFiles) -> LogStream:
    """Return the log ready to be read. Raise HostError when there is none, or none for this user."""
    for path in (files.live, files.sealed, files.journal):
        try:
            readable = os.access(path, os.R_OK) or not path.exists()
        except PermissionError:
            readable = False
        if not readable:
            raise HostError("the ledger's log is for root only", where=str(path), hint="run with sudo")
    if not files.live.exists() and not files.sealed.exists():
        raise HostError("there is no log", where=str(files.live), hint="nodeops ledger start; systemctl status shows why not")
    return LogStream(files, lambda text: aside(text, "yellow"))


def _times(since: str | None, until: str | None, zone: tzinfo) -> tuple[float | None, float | None]:
    now = time.time()
    start = None if since is None else moment(since, now, zone, "--since")
    end = None if until is None else moment(until, now, zone, "--until")
    if start is not None and end is not None and start > end:
        raise InputError("--since is later than --until", where="nodeops logs")
    return start, end


@app.command()
def show(
    since: SinceOption = None,
    until: UntilOption = None,
    grep: GrepOption = None,
    least: LevelOption = None,
    module: ModuleOption = None,
    follow: FollowFlag = False,
    lines: LinesOption = None,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the ledger's log, oldest first, sealed and live as one. A file or a pipe gets every byte; --json an object a line."""
    node = load_node_document(document)
    zone = host_zone()
    start, end = _times(since, until, zone)
    if follow and end is not None:
        raise InputError("what is to come has no end", where="nodeops logs show", hint="leave out --until or --follow")
    levels = levels_from(least, node.ledger.log_levels) if least else None
    wanted = Wanted(start, end, pattern(grep) if grep else None, levels, frozenset(module) if module else None)
    with _opened(log_files(node)) as stream:
        view = _View(stream, wanted, Reader(node.ledger.log, zone), as_json)
        if follow:
            view.follow(lines)
        elif lines is not None:
            view.show_last(lines)
        else:
            view.show_all()


@dataclass(frozen=True)
class _View:
    """What is asked for of a log, and how it is shown."""

    stream: LogStream
    wanted: Wanted
    reader: Reader
    as_json: bool = False

    def range(self) -> tuple[int, int]:
        """Return the offsets between which everything is that was written in the time asked for."""
        first, _, end = self.stream.bounds()
        start = first if self.wanted.since is None else start_of(self.stream, self.wanted.since)
        return start, end if self.wanted.until is None else end_of(self.stream, self.wanted.until)

    def lines(self, start: int, end: int) -> Iterator[Line]:
        """Yield the lines that are asked for between two offsets."""
        return self._chosen(self.stream.read(start, end))

    def _chosen(self, chunks: Iterable[Chunk]) -> Iterator[Line]:
        return select(split(joined(chunks)), self.reader, self.wanted)

    def show_all(self) -> None:
        """Show everything that is asked for."""
        start, end = self.range()
        if self.wanted == Wanted() and not self.as_json and not sys.stdout.isatty():
            emit_bytes(chunk.data for chunk in self.stream.read(start, end))
        else:
            self._emit(self.lines(start, end))

    def show_last(self, lines: int) -> None:
        """Show the last lines of those asked for: look further and further back until there are enough.

        One more than asked for is looked for: the first may be the end of a line that begins in the segment before.
        """
        first, end = self.range()
        found: deque[Line] = deque()
        for start in starts_of_tail(self.stream, lines + 1, end):
            found = deque(self.lines(max(first, start), end), maxlen=lines + 1)
            if len(found) > lines or start <= first:
                break
        self._emit(list(found)[-lines or len(found) :])

    def follow(self, lines: int | None) -> None:
        """Show what is asked for of the last lines, and go on with new ones."""
        start, end = self.range()
        if lines is not None or self.wanted.since is None:
            start = max(start, tail_start(self.stream, _FOLLOW_LINES if lines is None else lines, end))
        self._emit(self._chosen(_flushed(self.stream.read(start))))

    def _emit(self, lines: Iterable[Line]) -> None:
        emit_lines(map(self._as_json, lines) if self.as_json else (line.whole() for line in lines))

    def _as_json(self, line: Line) -> bytes:
        entry = self.reader.entry(line.data)
        head = {"time": entry.time, "level": entry.level, "module": entry.module} if entry else {}
        return json.dumps({**head, "line": line.whole().decode(errors="backslashreplace")}).encode()


def _flushed(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Pass chunks on, and write out what is buffered when there are no more yet."""
    for chunk in chunks:
        if not chunk.data:
            emit_bytes([b""])
        yield chunk


@app.command()
def stats(
    since: SinceOption = None, until: UntilOption = None, document: DocumentOption = None, as_json: JsonFlag = False
) -> None:
    """Tell what fills the log: bytes an hour by module and level, and the messages that take most room."""
    node = load_node_document(document)
    zone = host_zone()
    wanted = Wanted(*_times(since, until, zone))
    reader = Reader(node.ledger.log, zone)
    statistics = Statistics(reader)
    with _opened(log_files(node)) as stream, working("reading the log"):
        view = _View(stream, wanted, reader)
        statistics.feed(view.lines(*view.range()))
    emit(statistics_result(statistics.summary(), zone), as_json)

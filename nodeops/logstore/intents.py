"""The intent journal of one stream: what is being done to its log right now, and where the live file's byte 0 stands.

Two slots of 4 KiB, written in turn and in place, so nothing is allocated: it works on a full disk, and a write that is torn
leaves the slot before it. A slot is the SHA-256 of its text in hexadecimal, then the text, JSON padded with spaces.
"""

import fcntl
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from nodeops.core.digest import canonical
from nodeops.core.errors import HostError, Refused
from nodeops.host.beneath import open_beneath, open_folder
from nodeops.host.extents import Identity, told
from nodeops.logstore.marks import Mark
from nodeops.logstore.naming import range_of, require_stream

SLOT_BYTES = 4096
_HASH_BYTES = 65
_MODE = 0o640
_STATES = ("idle", "intent", "sealed")
# What fits into a slot beside the longest names: a gap takes about 90 bytes, MARKS marks 50 each.
_GAPS, _PATH_CHARACTERS = 12, 1024
_HINT = (
    "move this file away: the stream then goes on at the end of its last segment; nothing is lost, but what was being sealed when"
    " this file was damaged may stand in the stream twice"
)


@dataclass(frozen=True)
class Gap:
    """Bytes [start, end) of a stream that were never sealed, for `reason`, noticed `at`. What was lost may have been longer."""

    start: int
    end: int
    at: float
    reason: str


def lost(gap: Gap) -> str:
    """Return a gap in words."""
    when = datetime.fromtimestamp(gap.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"the log was {gap.reason}: at least {gap.end - gap.start} bytes are lost, up to byte {gap.end}; seen {when}"


@dataclass(frozen=True)
class Record:
    """What a slot holds.

    `base` is the stream offset of the file's byte 0. While `state` is not idle, bytes [start, start + cut) are being sealed into
    `segment`; once it is sealed, `plain` is their SHA-256. `size` is the file's size when the record was written. `physical` is
    where its first block was before the collapse (None: unknown). `whole`: the cut is all of a file nobody writes, so the file
    is removed instead. `gaps` are the newest, `gaps_total` counts all. `inode` is 0 when the next file is not known yet.
    """

    stream: str
    sequence: int = 0
    state: Literal["idle", "intent", "sealed"] = "idle"
    base: int = 0
    start: int = 0
    cut: int = 0
    size: int = 0
    segment: str = ""
    plain: str = ""
    physical: int | None = None
    whole: bool = False
    device: int = 0
    inode: int = 0
    generation: int = 0
    path: str = ""
    marks: Sequence[Mark] = field(default_factory=tuple)
    gaps: Sequence[Gap] = field(default_factory=tuple)
    gaps_total: int = 0

    @property
    def identity(self) -> Identity | None:
        """Return which file the stream's bytes come from; None before the first and after a file is finished."""
        return Identity(self.device, self.inode, self.generation) if self.inode else None


class Journal:
    """The journal of one stream, held by this process alone until it is closed."""

    def __init__(self, handle: int, where: str, record: Record) -> None:
        self._handle, self._where, self.record = handle, where, record

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the journal go; another process may take it."""
        os.close(self._handle)

    def note(self, record: Record) -> None:
        """Make a record the current one in memory only: what was seen since the last write, and no more than that."""
        self.record = replace(record, sequence=self.record.sequence)

    def write(self, record: Record) -> None:
        """Put a record on disk and make it the current one; its sequence number is set here.

        Raise HostError when that fails: then the old record stays current, and the next write goes to the same slot again.
        """
        numbered = _trimmed(replace(record, sequence=self.record.sequence + 1))
        with told("cannot be written", self._where):
            _write_slot(self._handle, numbered)
            os.fsync(self._handle)
        self.record = numbered


def _trimmed(record: Record) -> Record:
    path = record.path if len(json.dumps(record.path)) <= _PATH_CHARACTERS else ""
    return replace(record, marks=tuple(record.marks), gaps=tuple(record.gaps[-_GAPS:]), path=path)


def _write_slot(handle: int, record: Record) -> None:
    text = canonical(asdict(record)).ljust(SLOT_BYTES - _HASH_BYTES)
    rest = sha256(text).hexdigest().encode() + b"\n" + text
    if len(rest) != SLOT_BYTES:
        raise HostError(f"a record of {len(rest)} bytes does not fit into {SLOT_BYTES}", where=record.stream)
    place = record.sequence % 2 * SLOT_BYTES
    while rest:
        written = os.pwrite(handle, rest, place)
        rest, place = rest[written:], place + written


def open_journal(path: Path, stream: str, sealed_folder: Path) -> Journal:
    """Return the journal of a stream, made when it is not there; nobody else may hold it meanwhile.

    A new journal begins at the end of the last segment the folder has of this stream: should those bytes still stand in the
    live log as well, they are sealed twice, and nothing is lost. Raise Refused when another process holds it or it is no plain
    file, HostError when it is damaged, belongs to another stream or cannot be made; it is never guessed what it said.
    """
    require_stream(stream)
    folder = open_folder(path.parent.absolute())
    try:
        handle = open_beneath(folder, path.name, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK)
        try:
            _hold(handle, path)
            if os.fstat(handle).st_size < 2 * SLOT_BYTES:
                _begin(handle, folder, path, Record(stream, base=last_end(sealed_folder, stream)))
            return Journal(handle, str(path), _current(handle, path, stream))
        except BaseException:
            os.close(handle)
            raise
    finally:
        os.close(folder)


def last_end(sealed_folder: Path, stream: str) -> int:
    """Return the stream offset at which the last segment of a stream in a folder ends; 0 when it has none."""
    with told("cannot be read", sealed_folder):
        ranges = [range_of(entry.name) for entry in sealed_folder.iterdir()]
    return max((found[2] for found in ranges if found is not None and found[0] == stream), default=0)


def _hold(handle: int, path: Path) -> None:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        raise Refused("is no plain file with one name", where=str(path))
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused("another nodeops seals this log", where=str(path), hint="wait until it has ended, run again") from error


def _begin(handle: int, folder: int, path: Path, first: Record) -> None:
    """Fill both slots with real blocks. One that is killed here leaves a file that is too short: it is begun again."""
    with told("cannot be made", path):
        os.fchmod(handle, _MODE)
        for sequence in (0, 1):
            _write_slot(handle, replace(first, sequence=sequence))
        os.fsync(handle)
        os.fsync(folder)


def _current(handle: int, path: Path, stream: str) -> Record:
    with told("cannot be read", path):
        raw = os.pread(handle, 2 * SLOT_BYTES, 0)
    record = _newest(raw, path)
    if record.stream != stream:
        raise HostError(f"is the journal of {record.stream}, not of {stream}", where=str(path))
    return record


def read_record(path: Path) -> Record:
    """Return what a journal says without holding it: what is shown of a stream while another process works on it.

    Raise HostError when it is missing or damaged in both slots.
    """
    with told("cannot be read", path):
        raw = path.read_bytes()
    return _newest(raw, path)


def _newest(raw: bytes, path: Path) -> Record:
    slots = (raw[:SLOT_BYTES], raw[SLOT_BYTES : 2 * SLOT_BYTES])
    records = [record for record in (_decoded(slot, path) for slot in slots) if record is not None]
    if not records:
        raise HostError("the journal of this log is damaged in both places", where=str(path), hint=_HINT)
    return max(records, key=lambda record: record.sequence)


def _decoded(slot: bytes, path: Path) -> Record | None:
    """Return the record of a slot; None when it is torn or rotten. Fields that older versions lack get defaults."""
    text = slot[_HASH_BYTES:]
    if len(slot) != SLOT_BYTES or slot[:_HASH_BYTES] != sha256(text).hexdigest().encode() + b"\n":
        return None
    said: dict[str, Any] = json.loads(text)
    if not {"stream", "sequence"} <= set(said) <= {one.name for one in fields(Record)} or said.get("state") not in _STATES:
        raise HostError("was written by a newer nodeops", where=str(path), hint="update nodeops on this host")
    marks, gaps = [Mark(**one) for one in said.get("marks", ())], [Gap(**one) for one in said.get("gaps", ())]
    return Record(**{**said, "marks": tuple(marks), "gaps": tuple(gaps)})

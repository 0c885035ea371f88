"""A book of notes: what was changed on a host, one JSON line each, holding the SHA-256 of the line before. Only appended to.

Receipts (book.py) are for removals, which the disk guard must be able to write while a disk is full. A note is longer, says
anything, and needs room. A line that a crash left unfinished is ended, and named by number of bytes and SHA-256 in the next.
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeops.core.digest import canonical, sha256
from nodeops.core.errors import HostError, Refused
from nodeops.receipts.chain import NOTHING

_KEYS = {"sequence", "previous", "time", "host", "kind", "data", "torn"}
_OTHERS_MAY_WRITE = 0o022


@dataclass(frozen=True)
class Note:
    """One note: its number from 1, the digest of the line before, when (Unix seconds), on which host, of what kind, and what."""

    sequence: int
    previous: str
    time: float
    host: str
    kind: str
    data: Mapping[str, Any]
    torn: str = ""


def append(path: Path, host: str, kind: str, data: Mapping[str, Any]) -> Note:
    """Add a note, synced to the disk. Raise Refused when the file is not as we made it, HostError when it cannot be written."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HostError(f"cannot be written: {error.strerror}", where=str(path)) from error
    with os.fdopen(handle, "r+b") as file:
        _require_ours(handle, path)
        fcntl.flock(handle, fcntl.LOCK_EX)
        content = file.read()
        notes, _, torn = _read(content)
        last = notes[-1] if notes else None
        note = Note(
            sequence=last.sequence + 1 if last else 1,
            previous=sha256(_line(last)) if last else NOTHING,
            time=time.time(),
            host=host,
            kind=kind,
            data=data,
            torn=_named(torn),
        )
        _put(handle, (b"" if content.endswith(b"\n") or not content else b"\n") + _line(note) + b"\n", path)
    return note


def _put(handle: int, line: bytes, path: Path) -> None:
    try:
        if os.write(handle, line) != len(line):
            raise HostError("was written in part only", where=str(path), hint="make room on its filesystem")
        os.fsync(handle)
    except OSError as error:
        raise HostError(f"cannot be written: {error.strerror}", where=str(path), hint="make room on its filesystem") from error


def _require_ours(handle: int, path: Path) -> None:
    facts = os.fstat(handle)
    if facts.st_nlink != 1 or facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS_MAY_WRITE:
        hint = "move it away and keep it as evidence: it is not as nodeops made it"
        raise Refused("has other names, another owner, or may be written by others", where=str(path), hint=hint)


def read(path: Path) -> tuple[list[Note], list[str]]:
    """Return all notes, and what is wrong with their chain; a missing file has none. Raise HostError when it cannot be read."""
    try:
        notes, problems, _ = _read(path.read_bytes())
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path), hint="run with sudo") from error
    return notes, problems


def _read(content: bytes) -> tuple[list[Note], list[str], bytes]:
    """Return the notes, what is wrong, and the bytes after the last note: what a crash left of a line."""
    notes: list[Note] = []
    problems: list[str] = []
    junk: list[bytes] = []
    digest = NOTHING
    for line in filter(None, content.split(b"\n")):
        note = _note(line)
        if note is None:
            junk.append(line)
            continue
        if note.sequence != len(notes) + 1 or note.previous != digest:
            problems.append(f"note {note.sequence} does not follow the one before: something was changed or taken out")
        if note.torn != _named(b"\n".join(junk)):
            problems.append(f"before note {note.sequence} are bytes that it does not name")
        digest = sha256(line)
        junk.clear()
        notes.append(note)
    return notes, problems, b"\n".join(junk)


def _named(torn: bytes) -> str:
    return f"{len(torn)} {sha256(torn)}" if torn else ""


def _line(note: Note) -> bytes:
    return canonical(vars(note))


def _note(line: bytes) -> Note | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return Note(**data) if isinstance(data, dict) and data.keys() == _KEYS and canonical(data) == line else None

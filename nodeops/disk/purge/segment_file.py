"""One file that shall be removed: looked at through an open folder, and removed only while it is still what was looked at."""

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import NamedTuple

from nodeops.core.errors import Refused
from nodeops.core.printable import shown
from nodeops.disk.purge.tripwires import names_itself
from nodeops.host.beneath import open_beneath
from nodeops.logstore.naming import Segment
from nodeops.logstore.segment import TRAILER_BYTES
from nodeops.receipts.chain import State

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Fate(NamedTuple):
    """What became of a target. `alarm` is set when another file was removed in its place in the last moment."""

    state: State
    note: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Target:
    """A segment's file. The open handle, which cannot read or write, keeps its inode from being used again."""

    segment: Segment
    handle: int
    facts: os.stat_result

    def remove(self, root: int) -> Fate:
        """Remove the file from its folder if nothing about it has changed; the space is free once `close` was called."""
        name = self.segment.name
        try:
            if _identity(os.stat(name, dir_fd=root, follow_symlinks=False)) != _identity(self.facts):
                return Fate("aborted", "the file was changed or replaced after it was looked at")
            os.unlink(name, dir_fd=root)
        except OSError as error:
            return Fate("aborted", f"the file cannot be removed: {error.strerror}")
        if os.fstat(self.handle).st_nlink:
            return Fate(
                "done", "the file got another name in the last moment: one of them, or one put in its place, is gone", True
            )
        return Fate("done")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.handle)


def _identity(facts: os.stat_result) -> tuple[int, ...]:
    kind = (facts.st_dev, facts.st_ino, facts.st_mode, facts.st_nlink, facts.st_uid)
    return (*kind, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def looked_at(root: int, segment: Segment, *, whole: bool) -> Target:
    """Return the file of a segment, open for nothing but being removed; the caller closes it.

    `whole` compares the SHA-256 of every byte, else only the size and the digest at the file's end. Raise Refused when it is
    not the segment that the index knows, HostError when it cannot be looked at.
    """
    if not names_itself(segment):
        raise Refused("is not the name that its stream and its offsets give", where=shown(segment.name))
    handle = open_beneath(root, segment.name, os.O_PATH)
    try:
        facts = os.fstat(handle)
        _require_plain(facts, os.fstat(root), segment)
        _require_content(root, segment, facts, whole=whole)
    except BaseException:
        os.close(handle)
        raise
    return Target(segment, handle, facts)


def _require_plain(facts: os.stat_result, root: os.stat_result, segment: Segment) -> None:
    wrong = {
        "is not a regular file": not stat.S_ISREG(facts.st_mode),
        f"has {facts.st_nlink} names: it may be a hard link to a file that is needed": facts.st_nlink != 1,
        "lies on another filesystem than its folder": facts.st_dev != root.st_dev,
        "belongs to another user than its folder": facts.st_uid != root.st_uid,
        f"has {facts.st_size} bytes, the index knows {segment.size}": facts.st_size != segment.size,
    }
    for what, found in wrong.items():
        if found:
            raise Refused(what, where=segment.name)


def _require_content(root: int, segment: Segment, facts: os.stat_result, *, whole: bool) -> None:
    handle = open_beneath(root, segment.name, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if _identity(os.fstat(handle)) != _identity(facts):
            raise Refused("is replaced while it is looked at", where=segment.name)
        if not _DIGEST.fullmatch(segment.plain) or segment.plain.encode() not in _trailer(handle, facts.st_size):
            raise Refused("does not name, at its end, the digest that the index knows", where=segment.name)
        if whole and hashlib.file_digest(file, "sha256").hexdigest() != segment.stored:
            raise Refused("has other content than the index knows", where=segment.name)


def _trailer(handle: int, size: int) -> bytes:
    return os.pread(handle, TRAILER_BYTES, max(0, size - TRAILER_BYTES))

"""Segment files: a range of a log stream in one zstd file that says of itself what it holds.

A file is one zstd frame with a content checksum (`zstdcat` reads it as it is) and a skippable frame of fixed length with JSON:
stream, range, lines, time, SHA-256 of the plain bytes. So everything known about segments can be had from the files again.
"""

import hashlib
import json
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeops.core.digest import canonical
from nodeops.core.errors import HostError
from nodeops.core.printable import escaped
from nodeops.host.beneath import open_beneath, open_folder
from nodeops.host.extents import told
from nodeops.logstore.naming import Segment, range_of, segment_name, temporary_name

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BUFFER_BYTES = 1 << 20
VERSION = 1
# RFC 8878, 3.1.2: the first of the sixteen magic numbers of skippable frames, and the length of what follows.
_SKIPPABLE = struct.Struct("<II")
_SKIPPABLE_MAGIC = 0x184D2A50
TRAILER_BYTES = 512
_JSON_BYTES = TRAILER_BYTES - _SKIPPABLE.size
_MODE = 0o640
# Level 1 is the quickest, and on logs full of random hashes no higher level up to 9 makes them smaller (measured).
_OPTIONS: dict[int, int] = {zstd.CompressionParameter.compression_level: 1, zstd.CompressionParameter.checksum_flag: 1}
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("version", "start", "end", "lines"), (int,)),
    **dict.fromkeys(("stream", "plain"), (str,)),
    **dict.fromkeys(("began", "ended"), (int, float)),
}


@dataclass(frozen=True)
class Label:
    """What is known of a segment before it is written: bytes [start, end) of a stream, written from `began` to `ended`."""

    stream: str
    start: int
    end: int
    began: float
    ended: float

    @property
    def name(self) -> str:
        """Return the segment's file name: names of one stream sort as their ranges do."""
        return segment_name(self.stream, self.start, self.end)

    @property
    def temporary(self) -> str:
        """Return the name that the file has until it is whole."""
        return temporary_name(self.name)


def write(folder: int, source: int, label: Label, offset: int = 0) -> Segment:
    """Compress the bytes of an open file from `offset` on into a new segment in an open folder, and return it.

    The file has its name only when it is whole and on disk, its name too. Raise HostError when the disk is full, when the
    source ends early or the temporary name is taken: what was written so far is left for the caller to remove.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with told("cannot be written", label.name):
        handle = os.open(label.temporary, flags, _MODE, dir_fd=folder)
        try:
            os.fchmod(handle, _MODE)
            made = _pour(source, handle, label, offset)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(label.temporary, label.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    return made


def _pour(source: int, target: int, label: Label, offset: int) -> Segment:
    plain, sink = hashlib.sha256(), _Sink(target)
    encoder = zstd.ZstdCompressor(options=_OPTIONS)
    encoder.set_pledged_input_size(label.end - label.start)
    lines = 0
    for data in read_range(source, offset, label.end - label.start):
        plain.update(data)
        lines += data.count(b"\n")
        sink.write(encoder.compress(data))
    sink.write(encoder.flush())
    sink.write(_trailer(label, lines, plain.hexdigest()))
    known = (label.stream, label.start, label.end, lines, label.began, label.ended)
    return Segment(*known, plain.hexdigest(), sink.stored.hexdigest(), sink.size, label.name)


def read_range(source: int, offset: int, length: int) -> Iterator[bytes]:
    """Yield `length` bytes of an open file in pieces of at most 1 MiB. Raise HostError when it ends before that."""
    end = offset + length
    while offset < end:
        with told("cannot be read", f"handle {source}"):
            data = os.pread(source, min(BUFFER_BYTES, end - offset), offset)
        if not data:
            raise HostError(f"ends {end - offset} bytes too early: somebody shortens it", where=f"handle {source}")
        offset += len(data)
        yield data


class _Sink:
    """A file being written: its length and SHA-256 so far."""

    def __init__(self, handle: int) -> None:
        self.handle, self.size, self.stored = handle, 0, hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.stored.update(data)
        self.size += len(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.handle, rest) :]


def _trailer(label: Label, lines: int, plain: str) -> bytes:
    said = {"version": VERSION, "stream": label.stream, "start": label.start, "end": label.end, "lines": lines}
    text = canonical({**said, "began": label.began, "ended": label.ended, "plain": plain})
    return _SKIPPABLE.pack(_SKIPPABLE_MAGIC, _JSON_BYTES) + text.ljust(_JSON_BYTES)


def describe(path: Path) -> Segment:
    """Return what a segment file says of itself, with its size and the SHA-256 of the file as it is now.

    Raise HostError for what is no segment, is cut off or has another's name. Its content is not read: `check` does that.
    """
    with _opened(path) as handle:
        return describe_open(handle, path.name)


def describe_open(handle: int, name: str) -> Segment:
    """Return the same of an open file that is called `name`."""
    with told("cannot be read", name):
        size = _size(handle, name)
        said = _said(os.pread(handle, TRAILER_BYTES, max(0, size - TRAILER_BYTES)), name)
    stored = hashlib.sha256()
    for data in read_range(handle, 0, size):
        stored.update(data)
    return Segment(**said, stored=stored.hexdigest(), size=size, name=name)


def _size(handle: int, name: str) -> int:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise HostError("is no regular file", where=escaped(name))
    return facts.st_size


def _said(trailer: bytes, name: str) -> dict[str, Any]:
    """Return the fields of a trailer, each of its type and true to the file's name."""
    said: Any = None
    if len(trailer) == TRAILER_BYTES and _SKIPPABLE.unpack_from(trailer) == (_SKIPPABLE_MAGIC, _JSON_BYTES):
        try:
            said = json.loads(trailer[_SKIPPABLE.size :])
        except ValueError:
            said = None
    if not isinstance(said, dict) or not all(type(said.get(key)) in kinds for key, kinds in _TYPES.items()):
        raise HostError("is no segment, or its end is missing", where=escaped(name))
    if said["version"] != VERSION:
        raise HostError(f"is of version {said['version']}; {VERSION} is known", where=escaped(name), hint="update nodeops")
    if range_of(name) != (said["stream"], said["start"], said["end"]):
        raise HostError("is the segment of another range or stream than its name says", where=escaped(name))
    return {key: said[key] for key in _TYPES if key != "version"}


def check(path: Path) -> Segment:
    """Return a segment after reading all of it: every byte, line and hash is as its trailer says. Raise HostError if not."""
    with _opened(path) as handle:
        return check_open(handle, path.name)


def check_open(handle: int, name: str) -> Segment:
    """Check an open file that is called `name`."""
    segment = describe_open(handle, name)
    plain, lines, length = hashlib.sha256(), 0, 0
    for data in plain_open(handle, name):
        plain.update(data)
        lines, length = lines + data.count(b"\n"), length + len(data)
    if (plain.hexdigest(), lines, length) != (segment.plain, segment.lines, segment.end - segment.start):
        raise HostError("does not hold what its end says", where=name, hint="fetch it from where it was shipped to")
    return segment


def open_plain(path: Path) -> Iterator[bytes]:
    """Yield the plain bytes of a segment in pieces of at most 1 MiB. Raise HostError at the place where it is damaged."""
    with _opened(path) as handle:
        yield from plain_open(handle, path.name)


def plain_open(handle: int, name: str) -> Iterator[bytes]:
    """Yield the plain bytes of an open segment that is called `name`."""
    with told("cannot be read", name):
        end = _size(handle, name) - TRAILER_BYTES
    place, data, decoder = 0, b"", zstd.ZstdDecompressor()
    try:
        while place < end or not decoder.eof or decoder.unused_data:
            if decoder.eof:
                data, decoder = decoder.unused_data, zstd.ZstdDecompressor()
            if not data and decoder.needs_input:
                data = next(read_range(handle, place, min(BUFFER_BYTES, end - place)), b"")
                if not data:
                    raise HostError("ends in the middle of its compressed bytes", where=name)
                place += len(data)
            # An empty answer is none: it may have been full with the last one and only finds out now that it needs more.
            out, data = decoder.decompress(data, BUFFER_BYTES), b""
            if out:
                yield out
    except zstd.ZstdError as error:
        raise HostError(f"is damaged: {error}", where=name, hint="fetch it from where it was shipped to") from error


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    folder = open_folder(path.parent.absolute())
    try:
        with opened(folder, path.name) as handle:
            yield handle
    finally:
        os.close(folder)


@contextmanager
def opened(folder: int, name: str) -> Iterator[int]:
    """Open a segment in an open folder for reading. Raise Gone when it is not there, Refused when it is a link."""
    handle = open_beneath(folder, name, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield handle
    finally:
        os.close(handle)

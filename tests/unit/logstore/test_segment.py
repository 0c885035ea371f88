"""A segment file says of itself what it holds, and one that does not hold it is found out."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError, NodeopsError, Refused
from nodeops.logstore import naming, segment
from nodeops.logstore.naming import Segment
from nodeops.logstore.segment import TRAILER_BYTES, Label

LINES = b"".join(b"%d lines of a log\n" % number for number in range(200_000))
LABEL = Label("node", 4096, 4096 + len(LINES), 10.5, 20.0)


def put(folder: Path, data: bytes = LINES, label: Label = LABEL, offset: int = 0) -> Segment:
    source, target = os.open(folder / "log", os.O_RDWR | os.O_CREAT), os.open(folder, os.O_RDONLY)
    try:
        os.pwrite(source, data, offset)
        return segment.write(target, source, label, offset)
    finally:
        os.close(source)
        os.close(target)


def test_what_is_written_is_read_again(tmp_path):
    made = put(tmp_path)
    assert (made.name, made.lines) == (f"node.{4096:016x}-{4096 + len(LINES):016x}.zst", 200_000)
    assert segment.describe(tmp_path / made.name) == segment.check(tmp_path / made.name) == made
    assert b"".join(segment.open_plain(tmp_path / made.name)) == LINES
    assert max(map(len, segment.open_plain(tmp_path / made.name))) <= segment.BUFFER_BYTES
    assert (tmp_path / made.name).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("data", [b"\n", b"no end of line", os.urandom(100_000), b"\0" * 3_000_000])
def test_any_bytes_from_any_place(tmp_path, data):
    made = put(tmp_path, data, Label("s", 0, len(data), 0.0, 0.0), offset=8192)
    assert b"".join(segment.open_plain(tmp_path / made.name)) == data
    assert segment.check(tmp_path / made.name).lines == data.count(b"\n")


@pytest.mark.skipif(shutil.which("zstd") is None, reason="needs the zstd command")
def test_zstdcat_reads_it_as_it_is(tmp_path):
    made = put(tmp_path)
    assert subprocess.run(["zstdcat", tmp_path / made.name], capture_output=True, check=True).stdout == LINES


def test_frames_may_follow_each_other(tmp_path):
    raw = segment.zstd.compress(LINES[:1000]) + segment.zstd.compress(LINES[1000:])
    made = put(tmp_path)
    path = tmp_path / made.name
    path.write_bytes(raw + path.read_bytes()[-TRAILER_BYTES:])
    assert segment.check(path).plain == made.plain


@pytest.mark.parametrize("size", [1, 7, 1024, 131072])
def test_it_is_read_in_pieces_of_any_size(tmp_path, monkeypatch, size):
    data = LINES[:3000] + os.urandom(1000) + bytes(131072 * 2)
    path = tmp_path / put(tmp_path, data, Label("s", 0, len(data), 0.0, 0.0)).name
    monkeypatch.setattr(segment, "BUFFER_BYTES", size)
    assert b"".join(segment.open_plain(path)) == data


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def without_middle(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:5000] + raw[-TRAILER_BYTES:])


def one_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def said(**other: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        raw = path.read_bytes()
        head, text = raw[: -TRAILER_BYTES + 8], raw[-TRAILER_BYTES + 8 :]
        path.write_bytes(head + json.dumps({**json.loads(text), **other}).encode().ljust(len(text)))

    return change


DAMAGES = {
    "cut off": (cut_off, "is no segment, or its end is missing"),
    "empty": (lambda path: os.truncate(path, 0), "is no segment, or its end is missing"),
    "plain zstd": (lambda path: path.write_bytes(segment.zstd.compress(LINES)), "is no segment, or its end is missing"),
    "without its middle": (without_middle, "(is damaged|ends in the middle)"),
    "one bit": (one_bit, "(is damaged|does not hold)"),
    "other lines": (said(lines=1), "does not hold what its end says"),
    "other hash": (said(plain="0" * 64), "does not hold what its end says"),
    "other range": (said(start=0), "another range or stream than its name says"),
    "other stream": (said(stream="other"), "another range or stream than its name says"),
    "number as text": (said(lines="1"), "is no segment"),
    "later version": (said(version=2), "is of version 2; 1 is known"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found(tmp_path, damage, message):
    path = tmp_path / put(tmp_path).name
    damage(path)
    with pytest.raises(HostError, match=message):
        segment.check(path)


def test_a_link_is_not_followed(tmp_path):
    made = put(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / made.name).rename(tmp_path / "real" / made.name)
    (tmp_path / made.name).symlink_to(tmp_path / "real" / made.name)
    with pytest.raises(Refused, match="symbolic link"):
        segment.describe(tmp_path / made.name)


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / LABEL.name)
    with pytest.raises(NodeopsError, match="is no regular file"):
        segment.describe(tmp_path / LABEL.name)


def test_a_source_that_ends_early_is_an_error(tmp_path):
    with pytest.raises(HostError, match="ends 10 bytes too early"):
        put(tmp_path, label=Label("node", 0, len(LINES) + 10, 0.0, 0.0))
    assert {path.name for path in tmp_path.iterdir()} == {"log", f".node.{0:016x}-{len(LINES) + 10:016x}.zst.tmp"}


def test_a_temporary_name_that_is_taken_is_an_error(tmp_path):
    (tmp_path / LABEL.temporary).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError, match="File exists"):
        put(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["", ".node", "a/b", "a b", "a\n", "a" * 101, "-x", "ä", "a.b", "A"])
def test_bad_stream_names_are_refused(name):
    with pytest.raises(InputError, match="is no name of a stream"):
        naming.require_stream(name)


def test_the_longest_label_fits(tmp_path):
    label = Label("s" * 100, (1 << 63) - 2, (1 << 63) - 1, 1795616026.7251234, 1795616026.7251234)
    assert segment.describe(tmp_path / put(tmp_path, b"x", label).name).stream == "s" * 100


RANGES = {
    "node.0000000000000000-0000000000001000.zst": ("node", 0, 4096),
    "a-b-c.0000000000000001-00000000000000ff.zst": ("a-b-c", 1, 255),
    "node.0000000000001000-0000000000001000.zst": None,
    "node.0000000000001000-0000000000000fff.zst": None,
    "node.0000000000000000-000000000000100.zst": None,
    "node.0000000000000000-000000000000ABCD.zst": None,
    ".node.0000000000000000-0000000000001000.zst.tmp": None,
    "node.0000000000000000-0000000000001000.zst\n": None,
}


@pytest.mark.parametrize(("name", "wanted"), RANGES.items(), ids=range(len(RANGES)))
def test_names_are_ranges(name, wanted):
    assert naming.range_of(name) == wanted

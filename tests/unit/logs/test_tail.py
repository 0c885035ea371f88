"""Where reading begins and ends: some lines before the end, or at a time."""

import itertools

import pytest

from nodeops.logs.stream import LogStream
from nodeops.logs.tail import end_of, start_of, starts_of_tail, tail_start
from tests.unit.logs.log_made import made


@pytest.fixture
def log(tmp_path):
    return made(tmp_path)


@pytest.fixture
def long_log(log):
    """Return a log of three segments and a live part."""
    log.write_lines(200)
    for _ in range(3):
        log.seal()
    return log


@pytest.mark.parametrize("ended", [True, False])
def test_the_last_lines_are_found(long_log, ended):
    if not ended:
        long_log.write(b"half a line")
    with LogStream(long_log.files) as stream:
        end = stream.bounds()[2]
        for lines in (0, 1, 2, 5, 77, 78, 79, 150, 199, 200, 201, 1000):
            wanted = b"".join(long_log.written.splitlines(keepends=True)[-lines:]) if lines else b""
            start = tail_start(stream, lines, end)
            assert b"".join(chunk.data for chunk in stream.read(start, end)) == wanted


def test_looking_back_ends_at_the_beginning(long_log):
    with LogStream(long_log.files) as stream:
        starts = list(starts_of_tail(stream, 10**9, stream.bounds()[2]))
    assert (starts == sorted(starts, reverse=True), starts[-1]) == (True, 0)


def test_segments_outside_the_time_asked_for_are_not_read(log, monkeypatch):
    clock = itertools.count(1_800_000_000, 3600)
    monkeypatch.setattr("tests.unit.logs.log_made.time.time", lambda: float(next(clock)))
    for _ in range(6):
        log.write_lines(42)
        log.seal()
    with LogStream(log.files) as stream:
        abouts = [stream.about(span) for span in stream.spans()]
        since, until = abouts[3].ended, abouts[1].began
        assert 0 < start_of(stream, since) <= 3 * 4096
        assert 2 * 4096 <= end_of(stream, until) < len(log.written)
        assert (start_of(stream, 0.0), end_of(stream, 1e12)) == (0, len(log.written))
        assert start_of(stream, 1e12) == 6 * 4096

"""Lines are cut, read and picked; times are understood as people write them."""

import re
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.core.spoken_time import duration, moment
from nodeops.logs.lines import Entry, Line, Reader, Wanted, levels_from, pattern, select, split
from tests.unit.logs.log_lines import COMMITTED, DIALLED, LOG, LONG_TEXT, RECEIVED, START, TRACE, reader

JAPAN = ZoneInfo("Asia/Tokyo")

SPLIT = {
    "nothing": ([], []),
    "empty chunks": ([b"", b""], []),
    "across chunks": ([b"a", b"b\nc", b"\n"], [(b"ab", 3), (b"c", 2)]),
    "no newline at the end": ([b"a\nb"], [(b"a", 2), (b"b", 1)]),
    "empty lines": ([b"\n\n"], [(b"", 1), (b"", 1)]),
    "too long in one chunk": ([b"123456789\nx\n"], [(b"12345", 10), (b"x", 2)]),
    "too long across chunks": ([b"1234", b"5678", b"9", b"\nx"], [(b"12345", 10), (b"x", 1)]),
    "too long at the end": ([b"123", b"4567"], [(b"12345", 7)]),
    "just long enough": ([b"12345\n"], [(b"12345", 6)]),
    "other ends of lines": ([b"a\rb\x0b\x85\n"], [(b"a\rb\x0b\x85", 6)]),
}


@pytest.mark.parametrize(("chunks", "lines"), SPLIT.values(), ids=SPLIT)
def test_lines_are_cut_from_chunks(chunks, lines):
    assert list(split(chunks, limit=5)) == lines


@given(st.lists(st.binary(max_size=20), max_size=8), st.integers(1, 30))
def test_every_byte_is_counted_wherever_the_chunks_end(chunks, limit):
    whole = b"".join(chunks)
    lines = list(split(chunks, limit))
    assert sum(line.size for line in lines) == len(whole)
    assert [line.data for line in lines] == [line.rstrip(b"\n")[:limit] for line in re.findall(rb"[^\n]*\n|[^\n]+", whole)]


def test_a_huge_line_takes_no_memory():
    chunk = b"x" * 65536
    tracemalloc.start()
    [line] = split((chunk for _ in range(1600)), 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(line.data), line.size, peak < 10 * len(chunk)) == (100, 1600 * len(chunk), True)


def test_a_cut_line_says_what_is_left_out():
    assert Line(b"xx", 103).whole() == b"xx ...[100 bytes more]"
    assert Line(b"xx", 3).whole() == Line(b"xx", 2).whole() == b"xx"


READ = {
    "info": (COMMITTED, Entry(START + 0.123, "info", "state", b"committed state")),
    "error without padding": (
        DIALLED,
        Entry(START + 1, "error", "pex", b"dialing failed (attempts: 3): auth failure: secret conn failed: EOF"),
    ),
    "debug": (RECEIVED, Entry(START + 2.5, "debug", "p2p", b"Receive")),
    "text longer than its column": (
        LONG_TEXT,
        Entry(START + 3.001, "info", "consensus", b"Completed ABCI Handshake - CometBFT and App are synced"),
    ),
    "no values": (b"I[2026-11-25|13:11:23.000] halt  ", Entry(START, "info", "", b"halt")),
    "no text": (b"I[2026-11-25|13:11:23.000] ", Entry(START, "info", "", b"")),
    "module in quotes": (b'I[2026-11-25|13:11:23.000] x module="a b" y=1', Entry(START, "info", "a b", b"x")),
    "module is no text": (b"I[2026-11-25|13:11:23.000] x module=\xff y=1", Entry(START, "info", "\\xff", b"x")),
    "module in a later value": (b'I[2026-11-25|13:11:23.000] x module=a y=" module=b"', Entry(START, "info", "a", b"x")),
}


@pytest.mark.parametrize(("line", "entry"), READ.values(), ids=READ)
def test_the_head_of_a_line_is_read(line, entry):
    found = reader().entry(line)
    assert found is not None
    assert (found.level, found.module, found.text) == entry[1:]
    assert found.time == pytest.approx(entry.time, abs=1e-6)


HEADLESS = {
    "stack trace": TRACE,
    "empty": b"",
    "NULs": b"\0" * 100,
    "half a head": b"I[2026-11-25|13:11",
    "unknown level": b"W[2026-11-25|13:11:23.123] x",
    "no such day": b"I[2026-02-30|13:11:23.123] x",
    "no such hour": b"I[2026-11-25|33:11:23.123] x",
    "year nought": b"I[0000-11-25|13:11:23.123] x",
    "head inside the line": b" " + COMMITTED,
    "digits of another script": "I[２026-11-25|13:11:23.123] x".encode(),
}


@pytest.mark.parametrize("line", HEADLESS.values(), ids=HEADLESS)
def test_what_is_no_head_is_none(line):
    assert reader().entry(line) is None


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data):
    reader().entry(data)
    reader().entry(COMMITTED[:27] + data)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("piece", [b" ", b"a ", b" a", b"a=b", b"=", b'"', b"\\"], ids=str)
def test_a_hostile_line_is_read_like_another(piece):
    """An expression that tries every way to split so long a line would not end within a day: the test would never pass."""
    line = COMMITTED[:27] + b"x module=" + piece * (1 << 19)
    reader().entry(line)
    re.compile(LOG.line.encode()).match(line)


def test_a_time_without_an_offset_is_of_the_hosts_zone_where_the_profile_says_so():
    found = Reader(LOG.model_copy(update={"timezone": "local"}), JAPAN).entry(COMMITTED)
    assert found is not None
    assert found.time == pytest.approx(START + 0.123 - 9 * 3600)


TIMES = {
    "offset": ("%Y-%m-%dT%H:%M:%S%z", b"2026-11-25T14:11:23+01:00", START),
    "Z": ("%Y-%m-%dT%H:%M:%S.%f%z", b"2026-11-25T13:11:23.5Z", START + 0.5),
    "day first": ("%d/%m/%Y %H:%M:%S", b"25/11/2026 13:11:23", START),
}


@pytest.mark.parametrize(("time_format", "text", "seconds"), TIMES.values(), ids=TIMES)
def test_other_formats_are_data(time_format, text, seconds):
    log = LOG.model_copy(update={"line": r"^\[(?P<level>\w+)\] (?P<time>[^,]+),", "time_format": time_format})
    found = Reader(log.model_copy(update={"levels": {"INFO": "info"}}), UTC).entry(b"[INFO] " + text + b", all is well module=a")
    assert found == (pytest.approx(seconds), "info", "a", b"all is well module=a")


LINES = [Line(data, len(data) + 1) for data in (TRACE, COMMITTED, DIALLED, TRACE, RECEIVED, LONG_TEXT)]
PICKED = {
    "all": (Wanted(), [0, 1, 2, 3, 4, 5]),
    "since": (Wanted(since=START + 1), [2, 3, 4, 5]),
    "until": (Wanted(until=START + 1), [1, 2, 3]),
    "levels": (Wanted(levels=frozenset(["info"])), [1, 5]),
    "what follows an error": (Wanted(levels=frozenset(["error"])), [2, 3]),
    "module": (Wanted(modules=frozenset(["p2p", "state"])), [1, 4]),
    "grep looks at each line": (Wanted(grep=pattern("goroutine [0-9]")), [0, 3]),
    "all together": (Wanted(since=START + 1, levels=frozenset(["error"]), grep=pattern("running")), [3]),
    "nothing": (Wanted(modules=frozenset()), []),
}


@pytest.mark.parametrize(("wanted", "places"), PICKED.values(), ids=PICKED)
def test_lines_are_picked(wanted, places):
    assert list(select(LINES, reader(), wanted)) == [LINES[place] for place in places]


def test_a_level_asks_for_more_important_ones_too():
    known = ["debug", "info", "error"]
    assert levels_from("info", known) == {"info", "error"}
    with pytest.raises(InputError, match="debug, info, error"):
        levels_from("warning", known)


@pytest.mark.parametrize("text", ["(", "*", "a{2,1}", "\udc80"])
def test_a_pattern_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="--grep"):
        pattern(text)


# 03:00 in Tokyo on the 26th is 18:00 UTC on the 25th.
NOW = datetime(2026, 11, 26, 3, 0, tzinfo=JAPAN)
MOMENTS = {
    "now": NOW,
    "today": datetime(2026, 11, 26, tzinfo=JAPAN),
    "yesterday": datetime(2026, 11, 25, tzinfo=JAPAN),
    "-2h": NOW - timedelta(hours=2),
    "-1h30m": NOW - timedelta(minutes=90),
    "-1w": NOW - timedelta(days=7),
    "13:05": datetime(2026, 11, 26, 13, 5, tzinfo=JAPAN),
    "9:05": datetime(2026, 11, 26, 9, 5, tzinfo=JAPAN),
    "9:05:30": datetime(2026, 11, 26, 9, 5, 30, tzinfo=JAPAN),
    "2026-11-25": datetime(2026, 11, 25, tzinfo=JAPAN),
    "2026-11-25 13:00": datetime(2026, 11, 25, 13, tzinfo=JAPAN),
    " 2026-11-25T13:00:01.5 ": datetime(2026, 11, 25, 13, 0, 1, 500000, tzinfo=JAPAN),
    "2026-11-25T13:00:00Z": datetime(2026, 11, 25, 13, tzinfo=UTC),
    "2026-11-25 13:00+01:00": datetime(2026, 11, 25, 13, tzinfo=timezone(timedelta(hours=1))),
}


@pytest.mark.parametrize(("text", "wanted"), MOMENTS.items(), ids=MOMENTS)
def test_moments_are_understood(text, wanted):
    assert moment(text, NOW.timestamp(), JAPAN, "--since") == wanted.timestamp()


def test_today_began_at_midnight_of_the_hosts_zone_also_when_summer_time_ends():
    berlin = ZoneInfo("Europe/Berlin")
    evening = datetime(2026, 10, 25, 20, 0, tzinfo=berlin)
    assert evening.timestamp() - moment("today", evening.timestamp(), berlin, "--since") == 21 * 3600


@pytest.mark.parametrize(
    "text", ["", "soon", "-", "-2", "2h", "-2y", "-2h ago", "25:00", "13:65", "2026-13-01", "2026-02-30", "1e9", "99999999999"]
)
def test_what_is_no_moment_is_refused_with_what_is(text):
    with pytest.raises(InputError, match="is not a time") as caught:
        moment(text, NOW.timestamp(), JAPAN, "--since")
    assert (caught.value.where, "-2h" in caught.value.allowed) == ("--since", True)


@given(st.text(max_size=30))
def test_no_text_breaks_the_clock(text):
    try:
        moment(text, NOW.timestamp(), JAPAN, "--since")
    except InputError:
        return


@pytest.mark.parametrize(("text", "seconds"), [("45s", 45), ("30m", 1800), ("1h30m", 5400), (" 1d ", 86400)])
def test_durations_are_understood(text, seconds):
    assert duration(text, "--for") == seconds


@pytest.mark.parametrize("text", ["", "0m", "30", "-30m", "m", "1.5h", "30 m", "30M", "٣m"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(InputError, match="--for"):
        duration(text, "--for")

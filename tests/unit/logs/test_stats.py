"""What fills a log is counted exactly, in bounded memory."""

from datetime import UTC

import pytest

from nodeops.logs.lines import Line, Reader
from nodeops.logs.stats import HOUR, Count, Message, Source, Statistics, masked
from tests.unit.logs.log_lines import COMMITTED, DIALLED, LOG, RECEIVED, START, TRACE, reader

HOUR_OF_START = int(START) // HOUR * HOUR


def made(*data: bytes) -> list[Line]:
    return [Line(each, len(each) + 1) for each in data]


def counted(*data: bytes, **limits: int):
    statistics = Statistics(reader(), **limits)
    statistics.feed(made(*data))
    return statistics.summary()


def said(number: int, text: str, module: str = "p2p", hour: int = 13) -> bytes:
    return f"D[2026-11-25|{hour:02}:00:{number % 60:02}.000] {text:<44} module={module} n={number}".encode()


def test_an_empty_log_has_counts_of_nothing():
    summary = counted()
    assert (summary.total, summary.first, summary.rates, summary.messages) == (Count(), None, {}, {})
    assert summary.hours > 0


def test_lines_and_bytes_are_counted_by_hour_module_and_level():
    summary = counted(COMMITTED, COMMITTED, DIALLED, RECEIVED, said(1, "Receive", hour=14))
    assert summary.rates[Source(HOUR_OF_START, "state", "info")] == Count(2, 2 * len(COMMITTED) + 2)
    assert summary.rates[Source(HOUR_OF_START, "pex", "error")] == Count(1, len(DIALLED) + 1)
    assert summary.by_source()[("p2p", "debug")].lines == 2
    assert {hour: count.lines for hour, count in summary.by_hour().items()} == {HOUR_OF_START: 4, HOUR_OF_START + HOUR: 1}
    assert (summary.first, summary.last) == (pytest.approx(START + 0.123), pytest.approx(HOUR_OF_START + HOUR + 1))


def test_counts_add_up_whatever_is_in_the_log():
    lines = made(TRACE, b"\0" * 50, b"\xff\xfe", COMMITTED, TRACE, TRACE, DIALLED, b"")
    statistics = Statistics(reader())
    statistics.feed(lines[:3])
    statistics.feed(lines[3:])
    summary = statistics.summary()
    assert summary.total == Count(len(lines), sum(line.size for line in lines))
    assert summary.headless == Count(3, sum(line.size for line in lines[:3]))
    assert summary.total.bytes == summary.headless.bytes + sum(count.bytes for count in summary.rates.values())
    assert summary.rates[Source(HOUR_OF_START, "state", "info")] == Count(3, len(COMMITTED) + 2 * len(TRACE) + 3)


def test_a_cut_line_counts_in_full():
    statistics = Statistics(reader())
    statistics.feed([Line(COMMITTED, 10_000_000)])
    assert statistics.summary().by_hour() == {HOUR_OF_START: Count(1, 10_000_000)}


def test_a_clock_that_jumped_back_does_not_shorten_the_time():
    summary = counted(said(50, "a"), said(10, "a"), said(30, "a"))
    assert summary.hours * HOUR == pytest.approx(40)


MASKED = {
    b"dialing failed (attempts: 3)": "dialing failed (attempts: #)",
    b"peer 39abcdef01 at 10.0.0.1:26656": "peer # at #.#.#.#:#",
    b"hash 0xAB and 0x1": "hash # and #",
    b"faded, accede, decade": "faded, accede, decade",
    b"\xff\x1b[31m": "\\xff\x1b[#m",
    b"x" * 500: "x" * 200,
}


@pytest.mark.parametrize(("text", "shown"), MASKED.items(), ids=range(len(MASKED)))
def test_figures_are_masked(text, shown):
    assert masked(text) == shown


def test_messages_that_differ_in_figures_only_are_one():
    summary = counted(said(1, "timed out after 15 s"), said(2, "timed out after 16 s"), said(3, "other"))
    assert {message.text: count.lines for message, count in summary.messages.items()} == {"timed out after # s": 2, "other": 1}
    assert next(iter(summary.messages)) == Message("p2p", "debug", "timed out after # s")


def letters(number: int) -> str:
    return "".join(chr(ord("g") + int(digit)) for digit in str(number))


def test_a_flood_of_distinct_messages_takes_bounded_memory_and_hides_nobody():
    flood = [said(number, letters(number), module=f"m{letters(number)}") for number in range(3000)]
    loud = [said(7, "the one that fills the disk") for _ in range(500)]
    mixed = [line for index in range(3000) for line in (flood[index], *loud[index : index + 1])]
    summary = counted(*mixed, messages_limit=100, rates_limit=50)
    assert len(summary.messages) <= 100
    assert len(summary.rates) <= 50
    first, count = next(iter(summary.messages.items()))
    assert (first.text, count.lines) == ("the one that fills the disk", 500)
    assert summary.messages_others.lines + sum(count.lines for count in summary.messages.values()) == 3500
    assert summary.rates_others.bytes + sum(count.bytes for count in summary.rates.values()) == summary.total.bytes


def test_a_message_that_comes_late_is_found_too():
    flood = [said(number, letters(number)) for number in range(300)]
    summary = counted(*flood, *(said(1, "late and loud") for _ in range(50)), messages_limit=100)
    assert next(iter(summary.messages)).text == "late and loud"


def test_the_format_without_a_text_takes_what_follows_the_head():
    log = LOG.model_copy(update={"line": r"^(?P<level>[DIE])\[(?P<time>[^]]*)\]"})
    statistics = Statistics(Reader(log, UTC))
    statistics.feed(made(b"I[2026-11-25|13:11:23.123] block 5 module=a", b"I[2026-11-25|13:11:24.123] block 6 module=a"))
    assert list(statistics.summary().messages) == [Message("a", "info", "block # module=a")]

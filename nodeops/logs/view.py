"""Statistics of a log as tables for people and as data for machines. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any

from nodeops.core.result import Result, Table
from nodeops.core.units import size
from nodeops.logs.stats import Count, Summary

_TOP = 20
_HOURS = 48


def moment(seconds: float, zone: tzinfo) -> str:
    """Return Unix seconds as a date and a time of day with its offset."""
    return datetime.fromtimestamp(seconds, zone).isoformat(" ", "minutes")


def statistics_result(summary: Summary, zone: tzinfo) -> Result:
    """Return the answer of `nodeops logs stats`."""
    if not summary.total.lines:
        return Result(_data(summary), lines=["no lines in this time"])
    return Result(_data(summary), tables=list(_tables(summary, zone)), lines=list(_lines(summary, zone)))


def _tables(summary: Summary, zone: tzinfo) -> Iterator[Table]:
    yield Table(("module", "level", "lines", "bytes", "bytes/h", "share"), list(_sources(summary)), "by module and level")
    hours = list(summary.by_hour().items())[-_HOURS:]
    rows = [(moment(hour, zone), *_counted(count), _share(count, summary)) for hour, count in hours]
    yield Table(("hour", "lines", "bytes", "share"), rows, f"by hour (the last {_HOURS})")
    messages = list(summary.messages.items())[:_TOP]
    others = _sum([summary.messages_others, *list(summary.messages.values())[_TOP:]])
    said = [(*_counted(count), _share(count, summary), each.module, each.level, each.text) for each, count in messages]
    rest = [(*_counted(others), _share(others, summary), "", "", "others")] if others.lines else []
    columns = ("lines", "bytes", "share", "module", "level", "message")
    yield Table(columns, [*said, *rest], f"messages that take most room (the first {_TOP})")


def _sources(summary: Summary) -> Iterator[tuple[str, ...]]:
    for (module, level), count in summary.by_source().items():
        yield module or "-", level, *_counted(count), size(count.bytes / summary.hours), _share(count, summary)
    others = _sum([summary.rates_others, summary.headless])
    if others.lines:
        yield "others", "", *_counted(others), size(others.bytes / summary.hours), _share(others, summary)


def _counted(count: Count) -> tuple[str, str]:
    return f"{count.lines}", size(count.bytes)


def _share(count: Count, summary: Summary) -> str:
    return f"{100 * count.bytes / max(1, summary.total.bytes):.1f} %"


def _sum(counts: Iterable[Count]) -> Count:
    found = list(counts)
    return Count(sum(count.lines for count in found), sum(count.bytes for count in found))


def _lines(summary: Summary, zone: tzinfo) -> Iterator[str]:
    total = f"{summary.total.lines} lines, {size(summary.total.bytes)}"
    if summary.first is None or summary.last is None:
        yield f"{total}; none of them has a time"
        return
    rate = f"{size(summary.total.bytes / summary.hours)} an hour, {size(24 * summary.total.bytes / summary.hours)} a day"
    yield f"{total} from {moment(summary.first, zone)} to {moment(summary.last, zone)}: {rate}"
    if summary.messages_others.lines:
        yield "there were too many different messages to tell them all apart: counts are at least what is shown"


def _data(summary: Summary) -> dict[str, Any]:
    return {
        "total": summary.total._asdict(),
        "headless": summary.headless._asdict(),
        "first": summary.first,
        "last": summary.last,
        "hours": [{**source._asdict(), **count._asdict()} for source, count in sorted(summary.rates.items())],
        "hours_others": summary.rates_others._asdict(),
        "messages": [{**each._asdict(), **count._asdict()} for each, count in summary.messages.items()],
        "messages_others": summary.messages_others._asdict(),
    }

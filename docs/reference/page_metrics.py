"""The page of all metrics, from the catalogue."""

from collections.abc import Iterator
from pathlib import Path

from nodeops.metrics.catalogue import Metric, catalogue


def lines(_: Path) -> Iterator[str]:
    """Yield the lines of the page."""
    metrics = list(catalogue().values())
    yield from (
        "# Metrics",
        "",
        f"{len(metrics)} metrics. Cost: the most series of one host; N mount points, D network devices, ",
    )
    yield from ("U units, F files, C certificates, P peers. See [metrics](../metrics.md).", "")
    for collector in dict.fromkeys(one.collector for one in metrics):
        yield from (f"## {collector}", "", "| metric | type | labels | what it says, and why | cost |", "|---|---|---|---|---|")
        yield from (_row(one) for one in metrics if one.collector == collector)
        yield ""


def _row(one: Metric) -> str:
    return f"| `{one.full_name}` | {one.type} | {', '.join(one.labels)} | {one.help} Why: {one.why}. | {one.cost} |"

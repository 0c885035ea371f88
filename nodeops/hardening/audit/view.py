"""A report as data for machines and tables for people. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from nodeops.core.finding import Verdict
from nodeops.core.result import Table
from nodeops.hardening.audit.report import Judged, Report
from nodeops.hardening.controls.catalogue import Control

# What a person must look at stands last, where the eye ends up.
_ORDER = (
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
    Verdict.NOT_TESTABLE_HERE,
    Verdict.WAIVED,
    Verdict.WARN,
    Verdict.UNKNOWN,
    Verdict.FAIL,
)


def report_data(report: Report) -> dict[str, Any]:
    """Return what the JSON of an audit holds besides its findings."""
    return {
        "node": report.node,
        "kind": report.kind,
        "organisation": report.organisation,
        "release": report.release,
        "at": instant(report.at),
        "facts": dict(report.facts),
        "score": report.score_percent,
        "counts": {str(verdict): count for verdict, count in report.counts.items()},
        "waivers": [one.waiver.model_dump(mode="json") for one in report.judged if one.waiver],
    }


def instant(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def ordered(judged: Iterable[Judged]) -> list[Judged]:
    """Return judged controls, those that fail last."""
    return sorted(judged, key=lambda one: (_ORDER.index(one.verdict), one.control.id))


def score_lines(report: Report) -> list[str]:
    """Return the report in two lines."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items() if count)
    whose = f"{report.kind} {report.node} ({report.release})"
    return [f"{whose}: {report.score_percent:g} % of the controls that can be judged pass", counts]


def controls_table(controls: Iterable[Control]) -> Table:
    """Return controls as rows."""
    rows = [(one.id, one.severity, one.title, ", ".join(one.applies_when) or "everywhere") for one in controls]
    return Table(("control", "severity", "title", "applies where"), rows)


def explanation(control: Control) -> list[str]:
    """Return everything that the catalogue says of a control, in lines."""
    references = {key: value for key, value in control.references.model_dump().items() if value}
    return [
        f"{control.id}: {control.title}",
        f"severity: {control.severity}",
        f"why: {control.why}",
        f"could break: {control.breaks}",
        f"applies where: {', '.join(control.applies_when) or 'everywhere'}",
        f"live state can be seen: {'everywhere' if control.testable == 'everywhere' else 'not in a container'}",
        *(f"{name}: {', '.join(numbers)}" for name, numbers in references.items()),
        *(f"sets: {_setting(setting.model_dump())}" for setting in control.sets),
    ]


def _setting(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items() if value not in ("", [], None))

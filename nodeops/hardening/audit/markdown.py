"""A report as Markdown, for people who were not there. Pure."""

import re

from nodeops.core.finding import Verdict
from nodeops.hardening.audit.report import Judged, Report
from nodeops.hardening.audit.view import instant, ordered, score_lines

_LOUD = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)
_MARKS = re.compile(r"([\\`*_{}\[\]<>|#!])")


def markdown(report: Report) -> str:
    """Return the report: score, what needs a person, waivers, then every control."""
    lines = [f"# Hardening of {_plain(report.node)} ({_plain(report.organisation)}), {instant(report.at)}", ""]
    lines += [f"{line}  " for line in score_lines(report)]
    lines += _section("To do", [one for one in report.judged if one.verdict in _LOUD])
    lines += _section("Waivers", [one for one in report.judged if one.waiver])
    lines += _section("All controls", ordered(report.judged))
    return "\n".join(lines) + "\n"


def _section(title: str, judged: list[Judged]) -> list[str]:
    rows = [f"| {one.control.id} | {one.verdict} | {one.control.severity} | {_plain(one.actual)} |" for one in judged]
    return [
        "",
        f"## {title}",
        "",
        *(["| control | verdict | severity | found |", "|---|---|---|---|", *rows] if rows else ["None."]),
    ]


def _plain(text: str) -> str:
    """Return a text that Markdown prints as it is, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))

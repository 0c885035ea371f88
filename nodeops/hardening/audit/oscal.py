"""A report as OSCAL 1.1 assessment-results, the form that auditors' tools read. Pure.

Source: NIST OSCAL 1.1.2, assessment-results JSON reference. Identifiers are made from what they name, so that the same
audit always gives the same document.
"""

import uuid
from typing import Any

from nodeops import __version__
from nodeops.core.finding import Verdict
from nodeops.hardening.audit.report import Judged, Report
from nodeops.hardening.audit.view import instant

_VERSION = "1.1.2"
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://nodeops.invalid/oscal")
_SATISFIED = (Verdict.PASS, Verdict.NOT_APPLICABLE)


def oscal(report: Report) -> dict[str, Any]:
    """Return the report as an OSCAL document: one observation and one finding for each control that could be judged."""
    at = instant(report.at)
    seen = [one for one in report.judged if one.verdict is not Verdict.NOT_APPLICABLE]
    result = {
        "uuid": _id(report, "result"),
        "title": f"Audit of {report.node}",
        "description": f"{report.score_percent:g} % of the controls that can be judged pass on {report.release}.",
        "start": at,
        "end": at,
        "reviewed-controls": {"control-selections": [{"include-controls": [{"control-id": one.control.id} for one in seen]}]},
        "observations": [_observation(report, one, at) for one in seen],
        "findings": [_finding(report, one) for one in seen if one.verdict is not Verdict.NOT_TESTABLE_HERE],
    }
    metadata = {"title": f"Hardening of {report.node}", "last-modified": at, "version": __version__, "oscal-version": _VERSION}
    plan = {"href": "#" + _id(report, "plan"), "remarks": "The catalogue of controls in nodeops/hardening/controls."}
    body = {"uuid": _id(report, "document"), "metadata": metadata, "import-ap": plan, "results": [result]}
    return {"assessment-results": body}


def _id(report: Report, name: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{report.node}\n{report.at}\n{name}"))


def _observation(report: Report, one: Judged, at: str) -> dict[str, Any]:
    return {
        "uuid": _id(report, f"observation {one.control.id}"),
        "title": one.control.title,
        "description": one.actual or one.control.title,
        "methods": ["TEST"],
        "props": [{"name": "verdict", "ns": "https://nodeops.invalid/ns", "value": str(one.verdict)}],
        "collected": at,
    }


def _finding(report: Report, one: Judged) -> dict[str, Any]:
    state = "satisfied" if one.verdict in _SATISFIED else "not-satisfied"
    found: dict[str, Any] = {
        "uuid": _id(report, f"finding {one.control.id}"),
        "title": one.control.title,
        "description": one.actual or one.control.title,
        "target": {"type": "objective-id", "target-id": one.control.id, "status": {"state": state}},
        "related-observations": [{"observation-uuid": _id(report, f"observation {one.control.id}")}],
    }
    if one.waiver:
        found["remarks"] = f"Waived by {one.waiver.owner} until {one.waiver.expires}: {one.waiver.reason}"
    return found

"""Hardening in a word, for `nodeops status` and the table of the fleet."""

import json
from collections.abc import Collection
from pathlib import Path

from nodeops.core.finding import Verdict
from nodeops.document.models import HostDocument
from nodeops.hardening.audit.report import Report
from nodeops.hardening.change import journal
from nodeops.host import trial
from nodeops.host.files import write_atomic

_LAST, _PASSED = "last.json", "passed.json"
_MISSED = (Verdict.FAIL, Verdict.WARN)


def _folder(document: HostDocument) -> Path:
    return Path(document.paths["hardening_state"])


def record_score(document: HostDocument, report: Report) -> None:
    """Remember the score of a whole audit: a status must not take the seconds of an audit. And how many controls passed once and
    do not any more, for as long as that is so: a baseline that grows old forgives nothing."""
    folder = journal.folder_of(document)
    once, lost = drift(_passed(folder), report)
    write_atomic(folder / _PASSED, json.dumps(sorted(once)).encode(), 0o600)
    data = {"score": report.score_percent, "at": report.at, "lost": len(lost)}
    write_atomic(folder / _LAST, json.dumps(data).encode(), 0o600)


def drift(passed: Collection[str], report: Report) -> tuple[set[str], set[str]]:
    """Return which controls have passed once, and which of them do not now. `passed` are those of earlier audits.

    A control that is waived, that does not apply or that is gone is forgotten: so somebody decided.
    """
    now = {one.control.id: one.verdict for one in report.judged}
    decided = (Verdict.WAIVED, Verdict.NOT_APPLICABLE)
    once = {name for name, verdict in now.items() if verdict is Verdict.PASS or (name in passed and verdict not in decided)}
    return once, {name for name in once if now[name] in _MISSED}


def _passed(folder: Path) -> list[str]:
    """Return which controls passed in earlier audits; none where that cannot be read: it begins anew."""
    try:
        return [str(name) for name in json.loads((folder / _PASSED).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def hardening_state(document: HostDocument) -> str:
    """Return "off", "on trial", or the score of the last audit in percent."""
    folder = _folder(document)
    if trial.pending(folder) is not None:
        return "on trial"
    if not journal.kept(folder).applied:
        return "off"
    try:
        return f"{json.loads((folder / _LAST).read_bytes())['score']:g} %"
    except (OSError, ValueError, KeyError, TypeError):
        return "on"

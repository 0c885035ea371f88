"""Hardening in a word, for `nodeops status` and the table of the fleet."""

import json
from pathlib import Path

from nodeops.document.models import HostDocument
from nodeops.hardening.audit.report import Report
from nodeops.hardening.change import journal
from nodeops.host import trial
from nodeops.host.files import write_atomic

_LAST = "last.json"


def _folder(document: HostDocument) -> Path:
    return Path(document.paths["hardening_state"])


def record_score(document: HostDocument, report: Report) -> None:
    """Remember the score of a whole audit: a status must not take the seconds of an audit."""
    data = {"score": report.score_percent, "at": report.at}
    write_atomic(journal.folder_of(document) / _LAST, json.dumps(data).encode(), 0o600)


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

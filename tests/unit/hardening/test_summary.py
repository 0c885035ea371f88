"""What a host remembers of its audits: the score, and which controls passed once and do not any more."""

import json
from pathlib import Path

import pytest

from nodeops.core.finding import Verdict
from nodeops.hardening import summary
from tests.unit.hardening.samples import document, judged, report

PASS, FAIL, WARN, WAIVED, AWAY = Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.WAIVED, Verdict.NOT_APPLICABLE
# What passed before, what an audit finds, what has passed once then, what of it is lost.
DRIFTS: dict[str, tuple[str, dict[str, Verdict], str, str]] = {
    "the first audit": ("", {"a": PASS, "b": FAIL}, "a", ""),
    "one is lost": ("ab", {"a": FAIL, "b": PASS}, "ab", "a"),
    "it stays lost": ("ab", {"a": WARN, "b": PASS}, "ab", "a"),
    "another was mended instead": ("a", {"a": FAIL, "b": PASS}, "ab", "a"),
    "mended": ("ab", {"a": PASS, "b": PASS}, "ab", ""),
    "agreed to": ("ab", {"a": WAIVED, "b": PASS}, "b", ""),
    "it applies no more": ("ab", {"a": AWAY, "b": PASS}, "b", ""),
    "no control any more": ("ab", {"b": PASS}, "b", ""),
    "it cannot be judged": ("ab", {"a": Verdict.UNKNOWN, "b": PASS}, "ab", ""),
    "never passed": ("a", {"a": PASS, "new": FAIL}, "a", ""),
}


@pytest.mark.parametrize(("passed", "found", "once", "lost"), DRIFTS.values(), ids=DRIFTS)
def test_what_passed_once_and_does_not_any_more(passed: str, found: dict[str, Verdict], once: str, lost: str) -> None:
    audit = report(*(judged(verdict, f"test.{name}") for name, verdict in found.items()))
    assert summary.drift(_ids(passed), audit) == (_ids(once), _ids(lost))


def _ids(letters: str) -> set[str]:
    return {f"test.{letter}" for letter in letters}


def test_it_is_kept_from_audit_to_audit_and_a_damaged_memory_begins_anew(tmp_path: Path) -> None:
    made = document()
    node = made.model_copy(update={"paths": {**made.paths, "hardening_state": str(tmp_path / "hardening")}})
    last, passed = (tmp_path / "hardening" / name for name in ("last.json", "passed.json"))
    for verdict, lost in ((PASS, 0), (FAIL, 1), (FAIL, 1), (PASS, 0)):
        summary.record_score(node, report(judged(verdict)))
        assert json.loads(last.read_bytes())["lost"] == lost
    passed.write_text("{")
    summary.record_score(node, report(judged(FAIL)))
    assert (json.loads(last.read_bytes())["lost"], passed.stat().st_mode & 0o777) == (0, 0o600)

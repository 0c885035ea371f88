"""A finding is one judged fact. Audits, checks and verifications all answer with findings."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a fact was judged. Only `FAIL` makes a verb exit with 1."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"
    NOT_TESTABLE_HERE = "not_testable_here"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One judged fact: a stable id, the verdict, what was expected, what was found, and what to do about it."""

    id: str
    verdict: Verdict
    expected: str
    actual: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as plain strings, for JSON."""
        return {key: str(value) for key, value in asdict(self).items()}


def failed(findings: Iterable[Finding]) -> bool:
    """Tell whether any finding fails."""
    return any(finding.verdict is Verdict.FAIL for finding in findings)


def failures(findings: Iterable[Finding]) -> list[str]:
    """Return one line for each finding that fails: what it is, was and should be, and what to do."""
    failing = (finding for finding in findings if finding.verdict is Verdict.FAIL)
    return [f"{one.id}: {one.actual} (expected {one.expected}). {one.hint}" for one in failing]

"""What an audit found: every control with its verdict, and the score of the host. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Waiver
from nodeops.hardening.controls.catalogue import Control


@dataclass(frozen=True)
class Judged:
    """One control as it was found on the host. `waiver` is the one that names it, also when it has expired."""

    control: Control
    verdict: Verdict
    expected: str
    actual: str
    hint: str = ""
    waiver: Waiver | None = None

    def finding(self) -> Finding:
        """Return the control as a finding."""
        return Finding(self.control.id, self.verdict, self.expected, self.actual, self.hint)


@dataclass(frozen=True)
class Report:
    """One audit of one host, which is a `kind` of host. `at` is in Unix seconds; `release` such as "debian 12"; `facts` decided
    what applies.
    """

    node: str
    organisation: str
    release: str
    at: float
    facts: Mapping[str, bool]
    judged: Sequence[Judged]
    kind: str = "node"

    @property
    def counts(self) -> dict[Verdict, int]:
        """Return how many controls got each verdict."""
        found = Counter(one.verdict for one in self.judged)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def score_percent(self) -> float:
        """Return the share of controls that pass among all that could be judged; waived ones count as not passed."""
        judged = [one for one in self.judged if one.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.WAIVED)]
        passed = sum(one.verdict is Verdict.PASS for one in judged)
        return round(100 * passed / len(judged), 1) if judged else 0.0

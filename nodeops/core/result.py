"""What a verb answers: data for machines, a table for people, findings and changes for both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nodeops.core.finding import Finding, failed


@dataclass(frozen=True)
class Change:
    """One thing a verb changed, or would change under --dry-run, with the reason."""

    what: str
    why: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Table:
    """Rows for a person. Cells are text; rich markup is not interpreted, so hostile names print as they are."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True)
class Result:
    """The whole answer of one verb.

    `data` is the body of --json and must be JSON-serialisable. `tables` and `lines` are for people. `findings` decide
    the exit code; `changes` tell Ansible whether anything changed.
    """

    data: Mapping[str, Any]
    tables: Sequence[Table] = ()
    lines: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    changes: Sequence[Change] = field(default_factory=tuple)

    @property
    def exit_code(self) -> int:
        """Return 1 when a finding fails, else 0."""
        return int(failed(self.findings))

    def as_dict(self) -> dict[str, Any]:
        """Return the body of --json: the data, with `changed`, `changes` and `findings` always present."""
        return {
            **self.data,
            "changed": bool(self.changes),
            "changes": [vars(change) for change in self.changes],
            "findings": [finding.as_dict() for finding in self.findings],
        }

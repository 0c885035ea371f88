"""What adding a file as a record means, and what became of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from nodeops.records.versions import FileDigest, History, RecordVersion


class Plan(StrEnum):
    """What `add` does with a file."""

    ADD = "add"
    REVISE = "revise"
    KEEP = "keep"
    REFUSE = "refuse"


def plan_add(file: FileDigest, history: History, revise: bool) -> Plan:
    """Decide what adding a file means: new, already there, a revision that was asked for, or one that was not."""
    current = history.current
    if current is None:
        return Plan.ADD
    if current.value.sha256 == file.sha256:
        return Plan.KEEP
    return Plan.REVISE if revise else Plan.REFUSE


@dataclass(frozen=True)
class Writer:
    """The node that writes a record, and its organisation."""

    organisation: str
    node: str


@dataclass(frozen=True)
class Planned:
    """What is going to happen to one file, and the history it was decided by."""

    file: FileDigest
    key: str
    plan: Plan
    before: History

    @property
    def sends(self) -> bool:
        """Tell whether a transaction is needed."""
        return self.plan in (Plan.ADD, Plan.REVISE)


@dataclass(frozen=True)
class Outcome:
    """What became of one file: the version on the ledger (None in a dry run), and versions put by others meanwhile."""

    planned: Planned
    version: RecordVersion | None
    others: Sequence[RecordVersion] = ()


def overtaken(before: History, after: History, own: str) -> list[RecordVersion]:
    """Return the versions that somebody else put while ours, transaction `own`, was on its way."""
    known = {version.proven.hash for version in before.versions} | {own}
    return [version for version in after.versions if version.proven.hash not in known]

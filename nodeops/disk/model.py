"""The plain types of the disk room: filesystems, segments, rules, actions. Sizes in bytes, times in Unix seconds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from nodeops.host.filesystem import Filesystem


class Stage(IntEnum):
    """How full a filesystem is. Numbers are for dashboards and never change."""

    NORMAL = 0
    WATCH = 1
    LOW = 2
    HIGH = 3
    FLOOD = 4
    CRITICAL = 5


@dataclass(frozen=True)
class Hold:
    """Segments that overlap [since, until] are not purged while this stands, whatever fills up."""

    id: str
    since: float
    until: float
    owner: str
    reason: str
    created: float


@dataclass(frozen=True)
class Retention:
    """How long sealed segments are kept: the newest `keep_bytes` always, others up to `max_bytes` and `max_age_seconds`."""

    max_age_seconds: float
    max_bytes: int
    keep_bytes: int


@dataclass(frozen=True)
class Threshold:
    """A stage is entered at `percent` used, unless more than `free_bytes` are left; it is left below `leave_percent`."""

    stage: Stage
    percent: float
    free_bytes: int
    leave_percent: float


@dataclass(frozen=True)
class LastResort:
    """Where the node stops although the others need it: from `percent` of bytes or inodes on, or with `free_bytes` left."""

    percent: float
    free_bytes: int

    def reached(self, filesystem: Filesystem) -> bool:
        """Tell whether there is no room to wait any longer."""
        used = max(filesystem.used_percent, filesystem.inodes_used_percent)
        return used >= self.percent or filesystem.free <= self.free_bytes


ActionKind = Literal[
    "seal", "purge", "vacuum_journal", "release_ballast", "restore_ballast", "ask_quorum", "stop_node", "start_node"
]


@dataclass(frozen=True)
class Action:
    """One step of a plan. `target` is a stream, a segment's file name, a mount or a unit; `frees` what it is expected to give
    back."""

    kind: ActionKind
    target: str
    rule: str
    stage: Stage
    frees: int = 0


@dataclass(frozen=True)
class Plan:
    """Everything the guard would do now, in order: the plan that is printed is the plan that is carried out."""

    actions: Sequence[Action]
    short: int = 0

    @property
    def frees(self) -> int:
        """Return the bytes that the whole plan is expected to give back."""
        return sum(action.frees for action in self.actions)

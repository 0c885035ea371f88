"""What the guard of one host is told: plain values, resolved once from the node document, so that the guard stays small. Pure.

Sizes in bytes, times in seconds. Written as JSON to the run-time folder by the verb that starts the guard.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from nodeops.disk.model import LastResort, Retention, Stage, Threshold


@dataclass(frozen=True)
class LogPolicy:
    """The ledger's log: where it is, how it is rotated, when it is sealed, how long what is sealed is kept."""

    live: str
    sealed: str
    rotation: Literal["none", "own", "reopen"]
    reopen_signal: str
    rotated: str
    seal_bytes: int
    seal_seconds: float
    retention: Retention
    ship_remote: str = ""
    ship_required: bool = False
    lossy_ok: bool = False


@dataclass(frozen=True)
class Policy:
    """Everything the guard acts on.

    `watched` are the paths whose filesystems must not fill, by what they are for. `classes` attributes what fills them;
    `protected` is what no root may touch. `ballast` are the folders, one a filesystem, that hold two files of at most
    `ballast_bytes`. `status_file` is what the guard saw and did last, `quorum_file` what the quorum gate said last, `acks_file`
    what was shipped and acknowledged, `journal_file` the intents of the ledger's log. `hidden` is the folder of keys, which
    the guard's unit hides from it. `agent` is the link to the tree in use: when it or `document` changes, the guard begins
    anew.
    """

    node: str
    unit: str
    log: LogPolicy
    watched: Mapping[str, str]
    classes: Mapping[str, Sequence[str]]
    protected: Sequence[str]
    ballast: Sequence[str]
    ballast_bytes: int
    thresholds: Sequence[Threshold]
    last_resort: LastResort
    journal_bytes: int
    state: str
    run: str
    status_file: str
    quorum_file: str
    journal_file: str
    acks_file: str
    hidden: str
    agent: str
    document: str

    @property
    def index_file(self) -> str:
        """Return the index of segments."""
        return f"{self.state}/index.sqlite"

    @property
    def receipts_file(self) -> str:
        """Return the file of receipts."""
        return f"{self.state}/receipts.jsonl"

    @property
    def holds_file(self) -> str:
        """Return the file of holds."""
        return f"{self.state}/holds.json"

    @property
    def forecast_file(self) -> str:
        """Return what the forecasters learned."""
        return f"{self.state}/forecast.json"

    @property
    def stopped_files(self) -> tuple[str, str]:
        """Return where the mark may be that says that the guard stopped the node, and why.

        The second is in memory, for a disk that takes not even a mark. No boot needs it, which starts the node or tries to.
        """
        return f"{self.state}/stopped.json", f"{self.run}/stopped.json"


def dumped(policy: Policy) -> str:
    """Return a policy as JSON."""
    return json.dumps(asdict(policy), sort_keys=True)


def loaded(text: str | bytes) -> Policy:
    """Return the policy that `dumped` wrote. Raise ValueError, TypeError or KeyError for anything else."""
    said: dict[str, Any] = json.loads(text)
    log = said["log"]
    thresholds = [replace(Threshold(**row), stage=Stage(row["stage"])) for row in said["thresholds"]]
    own = {"log": LogPolicy(**{**log, "retention": Retention(**log["retention"])}), "thresholds": thresholds}
    return Policy(**{**said, **own, "last_resort": LastResort(**said["last_resort"])})

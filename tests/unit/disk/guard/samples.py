"""A host whose guard works in folders of a test: the log and its segments in one, state and run-time files in others."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from nodeops.disk.model import Retention
from nodeops.disk.policy.policy import LogPolicy, Policy
from nodeops.disk.policy.stages import last_resort, thresholds
from tests.filesystems.logs import line

MIB = 1 << 20
AGES = 90 * 86400.0


def guarded(place: Path, root: Path, unit: str = "nodeops-nothing.service", calm: bool = False, **log: Any) -> Policy:
    """Return the policy of a host whose logs lie in `place` and everything else in `root`. `log` replaces parts of LogPolicy.

    With `calm` no stage is ever entered, however full the machine of the test is.
    """
    logs, state, run = place / "logs", root / "state", root / "run"
    for folder in (logs / "sealed", state, run):
        folder.mkdir(parents=True, exist_ok=True)
    kept = Retention(AGES, 20 << 30, 0)
    chosen = LogPolicy(f"{logs}/ledger.log", f"{logs}/sealed", "none", "", "", 64 * MIB, 3600.0, kept)
    return Policy(
        node="mak-1",
        unit=unit,
        log=replace(chosen, **log),
        watched={"log": str(logs), "data": str(logs)},
        classes={"ledger_log": [str(logs)], "sealed": [f"{logs}/sealed"]},
        protected=[],
        ballast=[str(logs)],
        ballast_bytes=16 * MIB,
        thresholds=[replace(one, free_bytes=0) if calm else one for one in thresholds({})],
        last_resort=last_resort(),
        journal_bytes=MIB,
        state=str(state),
        run=str(run),
        status_file=f"{run}/status.json",
        quorum_file=f"{run}/quorum.json",
        journal_file=f"{state}/ledger.journal",
        acks_file=f"{state}/acks.jsonl",
        hidden=str(root / "keys"),
        agent=str(root),
        document=str(root),
    )


def logged(path: Path, size: int) -> int:
    """Write a log of numbered lines; return how many."""
    count = 0
    with path.open("ab") as log:
        while log.tell() < size:
            log.write(b"".join(map(line, range(count, count + 1000))))
            count += 1000
        os.fsync(log.fileno())
    return count

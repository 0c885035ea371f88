"""What the quorum gate says to the guard. Lean.

The guard has no network. nodeops-quorum.service asks the ledger on this host (`nodeops quorum gate`) and leaves the answer in a
file; the guard starts it when a node should stop, goes on with its work, and reads the answer in a later tick.
"""

import json
import time
from pathlib import Path

from nodeops.disk.policy.quorum_answer import FREE_TO_STOP, Answer, Quorum, judged


class Gate:
    """The gate as the guard sees it: asked only while a node should stop. What is in the file before that answers nothing."""

    def __init__(self, file: Path) -> None:
        self._file, self._answer = file, Answer()
        self._heard = written(file)
        self._since: float | None = None
        self._asked = float("-inf")

    def look(self, wanted: bool) -> Quorum:
        """Return whether the node may stop; `wanted` tells whether it should."""
        if not wanted:
            self._since, self._heard = None, written(self._file)
            return FREE_TO_STOP
        now = _now()
        self._since = now if self._since is None else self._since
        self._hear(now)
        return judged(self._answer, now, self._since, self._asked)

    def _hear(self, now: float) -> None:
        """Take an answer that was not there at the last look. One that is being written is taken at the next."""
        at = written(self._file)
        if at != self._heard and (said := read(self._file, now)):
            self._answer, self._heard = said, at

    def was_asked(self) -> None:
        """Note that the question is on its way."""
        self._asked = _now()


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def written(file: Path) -> int | None:
    """Return by what one answer is told from the next: when the file was written, whatever the clock said; None without it."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def read(file: Path, now: float) -> Answer | None:
    """Return the answer in the file, heard `now`; None while it is empty, half written or none at all."""
    try:
        said = json.loads(file.read_bytes())
        return Answer(str(said["verdict"]), str(said["why"]), now)
    except (OSError, ValueError, KeyError, TypeError):
        return None

"""What the quorum gate says to the guard. Lean.

The guard has no network. nodeops-quorum.service asks the ledger on this host (`nodeops quorum gate`) and leaves the answer in a
file; the guard starts it when a node should stop, goes on with its work, and reads the answer in a later tick.
"""

import json
import time
from pathlib import Path

from nodeops.disk.policy.quorum_answer import FREE_TO_STOP, Answer, Quorum, judged


class Gate:
    """The gate as the guard sees it: asked only while a node should stop."""

    def __init__(self, file: Path) -> None:
        self._file, self._answer = file, Answer()
        self._since: float | None = None
        self._asked = float("-inf")

    def look(self, wanted: bool) -> Quorum:
        """Return whether the node may stop; `wanted` tells whether it should."""
        if not wanted:
            self._since = None
            return FREE_TO_STOP
        now = time.time()
        self._since = now if self._since is None else self._since
        self._answer = read(self._file) or self._answer
        return judged(self._answer, now, self._since, self._asked)

    def was_asked(self) -> None:
        """Note that the question is on its way."""
        self._asked = time.time()


def read(file: Path) -> Answer | None:
    """Return the answer in the file; None while it is empty, half written or none at all."""
    try:
        said, at = json.loads(file.read_bytes()), file.stat().st_mtime
        return Answer(str(said["verdict"]), str(said["why"]), at)
    except (OSError, ValueError, KeyError, TypeError):
        return None

"""The acknowledgements of what was shipped, as the guard reads them: parsed when their file changed, not each second. Lean."""

import os
from collections.abc import Mapping
from pathlib import Path

from nodeops.disk.ship.rules import Ack, parse_acks


class Acks:
    """The newest acknowledgement of each segment. A file that is missing or cannot be read acknowledges nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_as: tuple[int, int, int] | None = None
        self._known: Mapping[str, Ack] = {}

    def newest(self) -> Mapping[str, Ack]:
        """Return what is acknowledged now, by the names of segments."""
        try:
            # Looked at before it is read: what is appended meanwhile is a change for the next call.
            facts = os.stat(self._path)  # noqa: PTH116 - each second
            mark = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if mark != self._read_as:
                self._known, self._read_as = parse_acks(self._path.read_bytes()), mark
        except OSError:
            self._known, self._read_as = {}, None
        return self._known

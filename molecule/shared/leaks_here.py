"""Whether any byte of a secret is in what was written on the controller: the temporary folder and Ansible's own."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Where Ansible and ssh put what they need for a moment; keys are small.
_MOST_BYTES = 4 << 20


def left_here(secrets: list[bytes], since: float) -> list[str]:
    """Return the files of the controller that were written since and hold one of the secrets: what is for a moment, and logs."""
    return [str(file) for file in _written(since) if any(one in _read(file) for one in secrets)]


def _written(since: float) -> Iterator[Path]:
    for folder in (Path(tempfile.gettempdir()), Path.home() / ".ansible"):
        for at, _, names in os.walk(folder):
            yield from (file for file in (Path(at, name) for name in names) if _is_wanted(file, since))


def _is_wanted(file: Path, since: float) -> bool:
    try:
        facts = file.lstat()
    except FileNotFoundError:
        # A file may go at any moment. One that cannot be looked at for another reason may hold what is sought: that raises.
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_mtime >= since and facts.st_size <= _MOST_BYTES


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""

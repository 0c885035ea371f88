"""Read the files that records are made of: any size, regular files only, each with the key it stands for."""

import contextlib
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from nodeops.core.errors import InputError
from nodeops.core.printable import escaped
from nodeops.records.versions import RECORD_SPACE, FileDigest, ledger_key, one_spelling

_CHUNK_BYTES = 1 << 20


def name_keys(files: Sequence[Path], key: str | None) -> dict[Path, str]:
    """Return the key of each file: its base name, or the one given for a single file. Raise InputError before reading."""
    if key is not None and len(files) > 1:
        raise InputError("--key names one record", where="--key", allowed="one file", hint="add the files one by one")
    names = {file: key if key is not None else file.name or file.resolve().name for file in files}
    for name, count in Counter(one_spelling(file.name) for file in files).items():
        if count > 1:
            hint = "files are known by their base name: add one of them with --key"
            raise InputError(f"{count} files have this name", where=ascii(name), hint=hint)
    for name in names.values():
        ledger_key(RECORD_SPACE, name)
    return names


def total_bytes(files: Sequence[Path]) -> int:
    """Return the size of all files together in bytes, for a progress bar; what cannot be looked at counts as nothing."""
    total = 0
    for file in files:
        with contextlib.suppress(OSError):
            total += file.stat().st_size
    return total


def read_all(names: dict[Path, str], allow_empty: bool, on_bytes: Callable[[int], object]) -> list[FileDigest]:
    """Return hash and size of every file. `on_bytes` is told the number of bytes read, as it goes.

    Raise InputError for the first that is not a readable regular file, is empty unless that is allowed, or changes
    while it is read.
    """
    return [_read(file, key, allow_empty, on_bytes) for file, key in names.items()]


def _read(file: Path, key: str, allow_empty: bool, on_bytes: Callable[[int], object]) -> FileDigest:
    try:
        # Without O_NONBLOCK opening a FIFO would wait for a writer for ever.
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb", buffering=0) as opened:
            before = _regular(file, opened.fileno(), allow_empty)
            digest = hashlib.sha256()
            while chunk := opened.read(_CHUNK_BYTES):
                digest.update(chunk)
                on_bytes(len(chunk))
            after = os.fstat(opened.fileno())
    except IsADirectoryError as error:
        raise InputError(
            "is a directory", where=_shown(file), allowed="files", hint=f"name the files: {_shown(file)}/*"
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=_shown(file)) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError("changed while it was read", where=_shown(file), hint="run again when nothing writes to it")
    return FileDigest(file.name, key, digest.hexdigest(), after.st_size)


def _regular(file: Path, handle: int, allow_empty: bool) -> os.stat_result:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is not a regular file", where=_shown(file), allowed="files")
    if not status.st_size and not allow_empty:
        raise InputError("is empty: there is nothing to record", where=_shown(file))
    return status


def _shown(file: Path) -> str:
    """Return a path for a message; one with control characters or broken encoding is escaped."""
    return escaped(str(file))

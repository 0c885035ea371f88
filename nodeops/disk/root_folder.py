"""The folder that segments are removed from: opened once, ours alone, and without anything that a ledger needs in it."""

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.disk.naming import is_segment_name, is_unfinished_name
from nodeops.disk.tripwires import alarm, is_tripwire, shown
from nodeops.host.beneath import open_beneath, open_folder

_OTHERS_MAY_WRITE = 0o022
# A folder of segments has some thousand files and no folders; what is beyond these is not one.
_MOST_ENTRIES = 200_000
_DEEPEST = 16


@contextlib.contextmanager
def opened_root(folder: Path) -> Iterator[int]:
    """Hold a folder of segments open while the block runs: whatever its path leads to later, this stays the folder.

    Raise Refused when the path crosses a symbolic link, or when others than this user may write into the folder and so swap
    files in it; HostError when it cannot be opened.
    """
    handle = open_folder(folder)
    try:
        facts = os.fstat(handle)
        if facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS_MAY_WRITE:
            what, hint = "others may change what is in it", f"chown {os.geteuid()} and chmod go-w"
            raise Refused(what, where=str(folder), allowed="a folder that only this user may write into", hint=hint)
        yield handle
    finally:
        os.close(handle)


def require_no_tripwire(root: int, folder: Path) -> None:
    """Raise Refused when anything in or below the folder has the name of a database's file or a key, or is a mount."""
    found = sorted({name for name in _names(root, folder, _DEEPEST) if is_tripwire(name)})
    if found:
        hint = "find out who writes there; move it away, or correct the folder in the policy"
        raise Refused(alarm(found), where=str(folder), hint=hint)


def _names(handle: int, folder: Path, depth: int) -> Iterator[str]:
    """Yield every name below a folder, a mount or too deep a tree in it being refused: nobody could say what is there."""
    with os.scandir(handle) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_ENTRIES or not depth:
                raise Refused("ALARM: holds more files or folders than a folder of segments can", where=str(folder))
            yield entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _below(handle, entry.name, folder, depth - 1)


def _below(handle: int, name: str, folder: Path, depth: int) -> Iterator[str]:
    try:
        inner = open_beneath(handle, name, os.O_RDONLY | os.O_DIRECTORY)
    except Refused as error:
        raise Refused(f"ALARM: a mount is inside, or it is changed right now: {shown(name)}", where=str(folder)) from error
    try:
        yield from _names(inner, folder, depth)
    finally:
        os.close(inner)


def strangers(folder: Path, known: Collection[str] | None = None) -> list[str]:
    """Return, printable and sorted, what lies in a folder of segments and is none; it is reported and never removed.

    That is every name of another form, every folder, link, pipe or socket, every file with a second name and, where the names
    that the index knows are given, every other one. A segment that is just being written is none. Raise as `opened_root`.
    """
    with opened_root(folder) as root, os.scandir(root) as entries:
        return sorted(shown(entry.name) for entry in entries if _is_strange(entry, known))


def _is_strange(entry: "os.DirEntry[str]", known: Collection[str] | None) -> bool:
    named = is_segment_name(entry.name) and (known is None or entry.name in known)
    if not named and not is_unfinished_name(entry.name):
        return True
    try:
        facts = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1

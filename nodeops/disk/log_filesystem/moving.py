"""Move what a folder holds to a filesystem that is then mounted over it. Whatever kills this, the whole of it is there.

The folder is the truth until the filesystem is mounted over it; only then is what lies below removed, through a handle that was
opened before. A mark says that a copy was begun: the next call removes what that one left on the filesystem, and copies anew.
Killed just before the mount, there is a whole copy without a mark: the next call then leaves both to a person.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nodeops.core.errors import NodeopsError, Refused
from nodeops.host.command import run
from nodeops.host.files import sync_folder
from nodeops.logstore.intents import Journal
from nodeops.logstore.recover import recover
from nodeops.logstore.source import opened

_QUICK_SECONDS, _COPY_SECONDS = 30, 1800
_OF_EVERY_EXT4 = "lost+found"


@dataclass(frozen=True)
class Target:
    """A filesystem: its source and the options to mount it with. `aside` is where it is mounted while it is filled."""

    source: str
    options: str
    aside: Path


def move(folder: Path, target: Target, mark: Path, switch: Callable[[], None]) -> None:
    """Copy a folder's content, let `switch` mount the filesystem over it, and remove what lies below.

    Nobody may write to the folder meanwhile. Raise Refused when the filesystem holds something that is not a copy of ours,
    HostError when a step fails: the folder is then as it was.
    """
    below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with _mounted(target):
            _fill(folder, target.aside, mark)
        _switched(mark, switch)
        _empty(below)
    finally:
        os.close(below)


def _switched(mark: Path, switch: Callable[[], None]) -> None:
    """Mount it, the mark gone before: with a mark, what is newer on the filesystem than here would count as a copy of ours."""
    mark.unlink(missing_ok=True)
    sync_folder(mark.parent)
    try:
        switch()
    except NodeopsError:
        mark.touch(mode=0o600)
        raise


@contextmanager
def _mounted(target: Target) -> Iterator[None]:
    aside = target.aside
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    if aside.is_mount():
        run(["umount", aside], timeout_seconds=_QUICK_SECONDS)
    run(["mount", "-t", "ext4", "-o", target.options, target.source, aside], timeout_seconds=_QUICK_SECONDS)
    try:
        yield
    finally:
        run(["umount", aside], timeout_seconds=_QUICK_SECONDS)
        aside.rmdir()


def _fill(folder: Path, new: Path, mark: Path) -> None:
    """Copy, compare, and bring it to the disk. Logs that are there already stay when there is nothing to copy."""
    facts = folder.stat()
    os.chown(new, facts.st_uid, facts.st_gid)
    new.chmod(facts.st_mode)
    _remove_what_was_begun(new, mark)
    if not any(folder.iterdir()):
        return
    _require_empty(new)
    mark.touch(mode=0o600)
    sync_folder(mark.parent)
    run(["cp", "--archive", "--no-target-directory", folder, new], timeout_seconds=_COPY_SECONDS)
    run(["diff", "--recursive", f"--exclude={_OF_EVERY_EXT4}", folder, new], timeout_seconds=_COPY_SECONDS)
    run(["sync", "--file-system", new], timeout_seconds=_COPY_SECONDS)


def _content(new: Path) -> list[Path]:
    return [one for one in new.iterdir() if one.name != _OF_EVERY_EXT4]


def _remove_what_was_begun(new: Path, mark: Path) -> None:
    for one in _content(new) if mark.exists() else ():
        shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()


def _require_empty(new: Path) -> None:
    if found := _content(new):
        what = f"logs lie here, and on the filesystem that they would be moved to: {found[0].name}"
        raise Refused(what, where=str(new), hint="mount it elsewhere, keep what you need, and empty it")


def _empty(folder: int) -> None:
    """Remove everything in an open folder; what is mounted over it now is not touched."""
    for _, folders, files, handle in os.fwalk(".", topdown=False, dir_fd=folder):
        for name in files:
            os.unlink(name, dir_fd=handle)
        for name in folders:
            _remove_folder(name, handle)


def _remove_folder(name: str, parent: int) -> None:
    """Remove an empty folder, or a link to one, which os.fwalk counts among folders."""
    try:
        os.rmdir(name, dir_fd=parent)
    except NotADirectoryError:
        os.unlink(name, dir_fd=parent)


@contextmanager
def going_on_in_the_copy(live: Path, sealed: Path, journal: Journal) -> Iterator[None]:
    """Let a log's stream go on in what has the log's name after the block: a copy of it, byte for byte.

    Without this the log would count as replaced, which is also how it looks after a kill just before the end of the block: then
    `nodeops disk verify` tells of a gap that is none. Raise what `recover` raises, before the block.
    """
    recover(live, sealed, journal)
    ours = _is_its_file(live, journal)
    yield
    if ours:
        with opened(live, writing=False) as now:
            one = now.identity
            record = replace(journal.record, device=one.device, inode=one.inode, generation=one.generation, path=now.where)
            journal.write(record)


def _is_its_file(live: Path, journal: Journal) -> bool:
    known = journal.record.identity
    if known is None or not live.exists():
        return False
    with opened(live, writing=False) as source:
        return known.same_file(source.identity)

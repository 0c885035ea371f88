"""Who else than root may change an agent's tree: what root runs next could then be anybody's."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path


def writable(tree: Path) -> Iterator[str]:
    """Yield what others could change of a tree: who may write to a folder above a file may put another in its place."""
    trusted = {0, os.geteuid()}
    for path in (tree.parent.parent, tree.parent, tree, *sorted(tree.rglob("*"))):
        facts = path.lstat()
        if stat.S_ISLNK(facts.st_mode):
            continue
        if facts.st_uid not in trusted:
            yield f"{path} belongs to user {facts.st_uid}"
        # In a folder with the sticky bit nobody can touch what others have there.
        if facts.st_mode & 0o022 and not (stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX):
            yield f"{path} may be written to by others (mode {stat.S_IMODE(facts.st_mode):04o})"

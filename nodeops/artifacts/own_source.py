"""Read the source of a ledger that stands in this repository, and name it by a digest of what is compiled."""

import stat
from pathlib import Path

import nodeops
from nodeops.artifacts.plan import FolderBuild, is_compiled
from nodeops.core.errors import HostError

# nodeops is run from its repository; a copy of the package alone lacks the sources of ledgers.
REPOSITORY = Path(nodeops.__file__).parents[1]
_MOST_BYTES = 4 << 20
_HINT = "run nodeops from a clone of its repository, or name another source with ledger_artifact"


def read_source(name: str, root: Path = REPOSITORY) -> FolderBuild:
    """Return the files of a folder of this repository that a build compiles. Raise HostError for a folder that has none."""
    folder = root / name
    try:
        files = {path.relative_to(folder).as_posix(): _read(path) for path in sorted(folder.rglob("*")) if _counts(path, folder)}
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(error.filename)) from error
    for needed in ("go.mod", "go.sum"):
        if needed not in files:
            raise HostError(f"there is no {needed}", where=str(folder), hint=_HINT)
    return FolderBuild(name, files)


def _counts(path: Path, folder: Path) -> bool:
    return is_compiled(path.relative_to(folder).as_posix()) and not path.is_dir()


def _read(path: Path) -> bytes:
    """Return a small regular file. Raise HostError for a link, which could lead anywhere, and for anything far too large."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
        raise HostError("is not a regular file of at most 4 MiB", where=str(path), hint="a source holds nothing else")
    return path.read_bytes()

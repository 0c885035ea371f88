"""Revisions of the consortium file that were in force, kept beside it in revisions/, so that the next one has a beginning."""

import re
from pathlib import Path

from nodeops.core.errors import InputError, NodeopsError
from nodeops.document.inventory import REVISIONS_FOLDER
from nodeops.document.load import CONSORTIUM_FILE, load_consortium
from nodeops.document.models import Consortium, Node
from nodeops.host.files import write_atomic
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.founding.gather import read_folder
from nodeops.ledger.founding.genesis import founding_mark

_PUBLIC_FILE = 0o644
# How many kept revisions are read for nodes that left: a host is retired soon after, and every run pays for each.
_LOOKED_BACK = 5
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def kept_file(folder: Path, revision: int) -> Path:
    """Return where a revision is kept."""
    return folder / REVISIONS_FOLDER / f"{revision}.yml"


def previous(folder: Path, working: Consortium) -> Consortium:
    """Return the revision before the working one, as it was kept. Raise InputError when it is not there."""
    file = kept_file(folder, working.revision - 1)
    if working.revision == 1:
        raise InputError("revision 1 is the first: nothing is before it", where=str(folder / CONSORTIUM_FILE))
    if not file.is_file():
        hint = "name the file that is in force with --from, or copy it there; `nodeops consortium status` keeps it from then on"
        raise InputError(f"revision {working.revision - 1} was not kept", where=str(file), hint=hint)
    found = load_consortium(file)
    if found.revision != working.revision - 1:
        raise InputError(f"holds revision {found.revision}", where=str(file), hint="put the right file there")
    return found


def kept_mark(folder: Path, revision: int) -> Mark | None:
    """Return what was kept under a number, None when nothing was."""
    file = kept_file(folder, revision)
    return mark_of(load_consortium(file)) if file.is_file() else None


def newest_kept(folder: Path) -> int:
    """Return the highest number under which a revision was kept, 0 when none was."""
    return max(_numbers(folder), default=0)


def _numbers(folder: Path) -> list[int]:
    return [int(file.stem) for file in (folder / REVISIONS_FOLDER).glob("*.yml") if _NUMBER.fullmatch(file.stem)]


def all_kept(folder: Path) -> list[Consortium]:
    """Return every revision that was kept, the oldest first. A file that cannot be read any more is left out."""
    found = []
    for number in sorted(_numbers(folder)):
        try:
            found.append(load_consortium(kept_file(folder, number)))
        except NodeopsError:
            continue
    return found


def keep(folder: Path, consortium: Consortium) -> Path | None:
    """Keep the working file as the revision that it is, and return where; None when it was kept before.

    Raise InputError when another content was kept under this number: it is never written over.
    """
    file = kept_file(folder, consortium.revision)
    if file.is_file():
        if kept_mark(folder, consortium.revision) != mark_of(consortium):
            raise InputError(f"another revision {consortium.revision} was kept", where=str(file), hint="find out which is right")
        return None
    file.parent.mkdir(exist_ok=True)
    write_atomic(file, (folder / CONSORTIUM_FILE).read_bytes(), _PUBLIC_FILE)
    return file


def keep_founding(folder: Path, working: Consortium) -> Path | None:
    """Keep the working file when the genesis at hand says that the chain was founded by it. Raise as `keep` does."""
    genesis = read_folder(folder).genesis
    founding = founding_mark(genesis) if genesis else None
    return keep(folder, working) if mark_of(working).names(founding) else None


def left(folder: Path, working: Consortium) -> dict[str, tuple[Node, Consortium]]:
    """Return nodes that lately kept revisions name and the working file does not, each with the newest revision that names it.

    A kept file that cannot be read any more names nobody.
    """
    numbers = range(newest_kept(folder), 0, -1)[:_LOOKED_BACK]
    found: dict[str, tuple[Node, Consortium]] = {}
    for file in (kept_file(folder, number) for number in numbers if number != working.revision):
        try:
            one = load_consortium(file)
        except NodeopsError:
            continue
        found = {name: (node, one) for name, node in one.nodes.items()} | found
    return {name: seen for name, seen in found.items() if name not in working.nodes}

"""Which mount a path lies on, from the kernel's own table: names in it may hold spaces and newlines. Lean: stdlib only."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from nodeops.core.errors import HostError

_TABLE = Path("/proc/self/mountinfo")
# proc(5): space, tab, newline, backslash and # are written as a backslash and three octal digits.
_ESCAPED = re.compile(rb"\\([0-3][0-7]{2})")
_FIELDS_BEFORE_OPTIONAL = 6


@dataclass(frozen=True)
class Mount:
    """One mount: the folder `root` of a filesystem, seen at `point`. `kind` is the filesystem's type, such as ext4."""

    id: int
    root: str
    point: str
    kind: str


def parsed(table: bytes) -> dict[int, Mount]:
    """Return the mounts of a table as /proc/self/mountinfo has it, by mount id; a line that is cut off is left out."""
    found = (_mount(line.split(b" ")) for line in table.split(b"\n"))
    return {mount.id: mount for mount in found if mount is not None}


def _mount(fields: list[bytes]) -> Mount | None:
    """Return one line's mount: id, parent, device, root, point, options, any number of tags, a dash, kind, source, options."""
    try:
        dash = fields.index(b"-", _FIELDS_BEFORE_OPTIONAL)
        return Mount(int(fields[0]), _text(fields[3]), _text(fields[4]), _text(fields[dash + 1]))
    except (ValueError, IndexError):
        return None


def _text(field: bytes) -> str:
    return os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), field))


def mount_id(handle: int) -> int:
    """Return the id of the mount that an open file or folder was reached through. Raise HostError without /proc."""
    try:
        said = Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii")
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=f"/proc/self/fdinfo/{handle}") from error
    return int(said.partition("mnt_id:")[2].split()[0])


def mount_of(handle: int) -> Mount:
    """Return the mount that an open file or folder was reached through.

    Raise HostError where /proc does not tell: a mount that was taken away meanwhile, or one of another namespace.
    """
    return listed(mount_id(handle))


def listed(number: int) -> Mount:
    """Return the mount with an id. Raise HostError where /proc does not tell."""
    try:
        # A table may be long: only the one line is taken apart.
        lines = [line for line in _TABLE.read_bytes().split(b"\n") if line.startswith(b"%d " % number)]
        return parsed(b"\n".join(lines))[number]
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(_TABLE)) from error
    except KeyError as error:
        raise HostError(f"does not list mount {number}", where=str(_TABLE)) from error


def place(handle: int, path: str) -> str:
    """Return where an open folder lies inside its own filesystem, whichever bind mount it was reached through.

    `path` is the absolute path, without links, that it was opened by. Two handles on the same device with the same place are
    the same folder. Raise HostError as `mount_of`.
    """
    mount = mount_of(handle)
    below = os.path.relpath(path, mount.point)
    return os.path.normpath(f"{mount.root.rstrip('/')}/{below}")

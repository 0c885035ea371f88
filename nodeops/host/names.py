"""Look at who has the names that a node uses on a host: an account, a group, folders, units. Changes nothing.

This file also goes to hosts that have no agent yet, so it imports the standard library only; `python3 - JSON` prints JSON.
"""

import grp
import json
import pwd
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_UNIT_KINDS = ("service", "timer", "socket", "path", "mount", "target")
# What every file that the roles write begins with.
WRITTEN = "# Written by nodeops"


def seen(user: str, paths: Iterable[str], unit: str, daemons: Iterable[str] = ()) -> dict[str, Any]:
    """Return who has the paths, the account and the group `user`, the unit, and all units whose names begin with nodeops-.

    `user` and `unit` are empty on a host that runs no ledger; `daemons` are the accounts of other programs of ours.
    """
    present = [path for path in map(Path, sorted(paths)) if path.is_symlink() or path.exists()]
    return {
        "account": _account(user) if user else None,
        "daemons": {name: found for name in daemons if (found := _account(name))},
        "paths": [_path(path) for path in present],
        "units": _units(unit),
    }


def _account(name: str) -> "dict[str, Any] | None":
    """Return an account and the group of its name; None when there is neither."""
    people = pwd.getpwall()
    known = next((one for one in people if one.pw_name == name), None) or _asked(name)
    group = next((one for one in grp.getgrall() if one.gr_name == name), None)
    if known is None and group is None:
        return None
    uid, gid = known.pw_uid if known else None, group.gr_gid if group else None
    sharing = [one.pw_name for one in people if one.pw_name != name and (one.pw_uid == uid or one.pw_gid == gid)]
    return {
        "uid": uid,
        "gid": known.pw_gid if known else None,
        "home": known.pw_dir if known else None,
        "shell": known.pw_shell if known else None,
        "group": gid,
        "members": sorted({*(group.gr_mem if group else []), *sharing}),
    }


def _asked(name: str) -> "pwd.struct_passwd | None":
    """Return an account that a directory service knows and does not list."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _path(path: Path) -> dict[str, Any]:
    """Return who has a path, by name as far as there is one; a link by what it leads to."""
    facts = path.stat() if path.exists() else path.lstat()
    try:
        owner = pwd.getpwuid(facts.st_uid).pw_name
    except KeyError:
        owner = str(facts.st_uid)
    link = str(path.readlink()) if path.is_symlink() else None
    mode = stat.S_IMODE(facts.st_mode)
    return {"path": str(path), "owner": owner, "mode": mode, "folder": stat.S_ISDIR(facts.st_mode), "link": link}


def _units(unit: str) -> list[dict[str, Any]]:
    """Return the files of units with our names, and whether we wrote them."""
    names = [*([unit] if unit else []), *(f"nodeops-*.{kind}" for kind in _UNIT_KINDS)]
    found = {path for folder in map(Path, _UNIT_FOLDERS) for name in names for path in folder.glob(name)}
    # Where /lib is a link to /usr/lib a file is found twice.
    real = {path.parent.resolve() / path.name for path in found}
    return [{"path": str(path), "ours": _is_ours(path)} for path in sorted(real)]


def _is_ours(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(WRITTEN)
    except OSError:
        return False


def main() -> None:
    """Print what is seen."""
    sys.stdout.write(json.dumps(seen(**json.loads(sys.argv[1]))) + "\n")


if __name__ == "__main__":
    main()

"""What can be looked at, set and put back on a host, one kind at a time: folders, files, modes, sysctls, units.

A resource is named by a key such as "file /etc/issue"; its state is plain JSON, so that it can be kept. Setting a state that
was looked at before gives exactly that state back.
"""

import base64
import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.hardening.host import sysctl_files
from nodeops.hardening.host.states import State, lost
from nodeops.host.command import run
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.units import systemd

_SECONDS = 30


@dataclass(frozen=True)
class Kind:
    """How one kind is looked at and set. `path` is what follows the kind in a key."""

    look: Callable[[str], State]
    put: Callable[[str, State], None]


def look(key: str) -> State:
    """Return the state of a resource as it is now; None when it is absent."""
    kind, _, path = key.partition(" ")
    return KINDS[kind].look(path)


def lost_now(key: str, before: State) -> str:
    """Return why a resource cannot be given back what it was; empty when it can."""
    kind, _, path = key.partition(" ")
    return lost(key, look(key) if kind in ("unit", "password_age") else None, before, Path(path).parent.is_dir())


def put(key: str, state: State) -> None:
    """Make a resource have a state. Raise HostError when the host refuses."""
    kind, _, path = key.partition(" ")
    try:
        KINDS[kind].put(path, state)
    except OSError as error:
        raise HostError(f"cannot be set: {error.strerror}", where=path) from error


def _look_file(path: str) -> State:
    try:
        data, found = Path(path).read_bytes(), Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return {"b64": base64.b64encode(data).decode(), "mode": stat.S_IMODE(found.st_mode), "uid": found.st_uid, "gid": found.st_gid}


def _put_file(path: str, state: State) -> None:
    if state is None:
        # Where a folder on the way is none, the file is absent too: an undo that failed for that would never end.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            Path(path).unlink(missing_ok=True)
            sync_folder(Path(path).parent)
        return
    present = _look_file(path)
    kept = state if state.get("impose") or present is None else present
    write_atomic(Path(path), base64.b64decode(state["b64"]), kept["mode"], (kept["uid"], kept["gid"]))


def _look_mode(path: str) -> State:
    try:
        found = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return {"mode": stat.S_IMODE(found.st_mode), "user": _user(found.st_uid), "group": _group(found.st_gid)}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _put_mode(path: str, state: State) -> None:
    """Set owner and mode of what is there; the owner first, because chown clears set-user-id bits."""
    if state is None or not Path(path).exists():
        return
    if "user" in state:
        # The owner that it had may have gone: then it stays with whom it has.
        with contextlib.suppress(KeyError):
            os.chown(path, _uid(state["user"]), _gid(state["group"]))
    Path(path).chmod(state["mode"])


def _uid(name: str) -> int:
    return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid


def _gid(name: str) -> int:
    return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid


def _look_folder(path: str) -> State:
    return True if Path(path).is_dir() else None


def _put_folder(path: str, state: State) -> None:
    if state:
        Path(path).mkdir(mode=0o755, exist_ok=True)
        Path(path).chmod(0o755)
    else:
        # Somebody may have put something of his own there meanwhile: then it is not ours to remove.
        with contextlib.suppress(OSError):
            Path(path).rmdir()


def sysctl_path(key: str) -> Path:
    """Return the file of a kernel parameter; a dot in the name of an interface is written as a slash, as sysctl does."""
    return Path("/proc/sys") / key.replace(".", "\0").replace("/", ".").replace("\0", "/")


def sysctl_keys(key: str) -> list[str]:
    """Return the kernel parameters that a key stands for: itself, or with a `*` that of every network interface there is."""
    if "*" not in key:
        return [key]
    found = (path.relative_to("/proc/sys").parts for path in map(Path, matching(str(sysctl_path(key)))))
    return [".".join(part.replace(".", "/") for part in parts) for parts in found if parts[-2] not in ("all", "default")]


def sysctl_assignments() -> list[sysctl_files.Assignment]:
    """Return what all files of kernel parameters say, in the order in which they are read."""
    paths = [str(path) for folder in sysctl_files.FOLDERS for path in Path(folder).glob("*.conf")]
    texts = [(path, Path(path)) for path in sysctl_files.in_order(paths)]
    readable = [(path, file) for path, file in texts if file.is_file()]
    return sysctl_files.assignments([(path, file.read_text(encoding="utf-8", errors="replace")) for path, file in readable])


def _look_sysctl(key: str) -> State:
    try:
        return " ".join(sysctl_path(key).read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return None


def _put_sysctl(key: str, state: State) -> None:
    # An interface may have gone since.
    if state is None or _look_sysctl(key) in (None, state):
        return
    others = _reset_by_forwarding() if key.startswith("net.ipv4.") and "forward" in key else {}
    sysctl_path(key).write_text(f"{state}\n", encoding="ascii")
    for path, text in others.items():
        with contextlib.suppress(OSError):
            path.write_text(text, encoding="ascii")


def _reset_by_forwarding() -> dict[Path, str]:
    """Return what the kernel puts back to its defaults when forwarding changes (Documentation/networking/ip-sysctl.rst)."""
    files = [file for file in Path("/proc/sys/net/ipv4/conf").glob("*/*") if file.name not in ("forwarding", "mc_forwarding")]
    return {file: file.read_text(encoding="ascii", errors="replace") for file in files if os.access(file, os.R_OK | os.W_OK)}


def look_units(names: Sequence[str]) -> dict[str, State]:
    """Return the state of units, all asked for in one call: systemd answers in the order of the names, a block for each."""
    if not names:
        return {}
    properties = [f"--property={key}" for key in ("LoadState", "UnitFileState", "ActiveState")]
    out = run(["systemctl", "show", *names, *properties], timeout_seconds=_SECONDS).stdout.decode(errors="replace")
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.strip().split("\n\n")]
    return {name: _unit_state(known) for name, known in zip(names, blocks, strict=True)}


def _unit_state(known: Mapping[str, str]) -> State:
    enabled = "masked" if known.get("LoadState") == "masked" else known.get("UnitFileState") or known.get("LoadState", "")
    return {"enabled": enabled, "active": known.get("ActiveState") == "active"}


def _look_unit(name: str) -> State:
    return look_units([name])[name]


def _put_unit(name: str, state: State) -> None:
    present = _look_unit(name)
    if present["enabled"] == "masked" and state["enabled"] != "masked":
        systemd.systemctl("unmask", name)
    # What was enabled before it was masked still is, below the mask.
    if state["enabled"] in ("enabled", "disabled") and _look_unit(name)["enabled"] != state["enabled"]:
        systemd.systemctl("enable" if state["enabled"] == "enabled" else "disable", name)
    if state["active"] is False and present["active"]:
        systemd.systemctl("stop", name)
    if state["enabled"] == "masked" and present["enabled"] != "masked":
        systemd.systemctl("mask", name)
    if state["active"] and not present["active"]:
        systemd.systemctl("start", name)


def mask_at_once(wanted: Iterable[tuple[str, State]]) -> None:
    """Mask and unmask units among the wanted states in one call each: every call makes systemd read all of its units anew.

    Only a short cut: what does not succeed here is left to `put`, which says why.
    """
    units = {key.partition(" ")[2]: state for key, state in wanted if key.startswith("unit ") and state is not None}
    present = look_units(list(units))
    masked = [name for name in units if units[name]["enabled"] == "masked" != present[name]["enabled"]]
    unmasked = [name for name in units if units[name]["enabled"] != "masked" == present[name]["enabled"]]
    running = [name for name in masked if present[name]["active"]]
    for verb, names in (("stop", running), ("mask", masked), ("unmask", unmasked)):
        if len(names) > 1:
            run(["systemctl", verb, *names], timeout_seconds=_SECONDS, allowed_codes=range(256))


def _look_password_age(account: str) -> State:
    """Return the most days of an account's password, -1 for none (shadow(5), field 5); None for an unknown account."""
    rows = (line.split(":") for line in Path("/etc/shadow").read_text(encoding="utf-8", errors="replace").splitlines())
    days = {row[0]: row[4] for row in rows if len(row) > 4}
    return int(days[account] or -1) if account in days else None


def _put_password_age(account: str, state: State) -> None:
    if state is not None:
        run(["chage", "--maxdays", str(state), account], timeout_seconds=_SECONDS)


def _look_mount_flag(path_and_flag: str) -> State:
    """Return whether a mount has a flag; None when nothing is mounted there. Of mounts over each other the last one counts."""
    path, flag = path_and_flag.split(" ")
    rows = (line.split(" ") for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines())
    flags = [row[5].split(",") for row in rows if row[4] == path]
    return flag in flags[-1] if flags else None


def _put_mount_flag(path_and_flag: str, state: State) -> None:
    path, flag = path_and_flag.split(" ")
    if state is not None and _look_mount_flag(path_and_flag) not in (None, state):
        wanted = flag if state else flag.removeprefix("no")
        run(["mount", "-o", f"remount,bind,{wanted}", path], timeout_seconds=_SECONDS)


KINDS: Mapping[str, Kind] = {
    "folder": Kind(_look_folder, _put_folder),
    "file": Kind(_look_file, _put_file),
    "mode": Kind(_look_mode, _put_mode),
    "sysctl": Kind(_look_sysctl, _put_sysctl),
    "unit": Kind(_look_unit, _put_unit),
    "mount_flag": Kind(_look_mount_flag, _put_mount_flag),
    "password_age": Kind(_look_password_age, _put_password_age),
}


def matching(pattern: str) -> list[str]:
    """Return the paths that a pattern finds; a path that is no pattern stands for itself, also when it is absent."""
    return sorted(map(str, Path("/").glob(pattern.lstrip("/")))) if "*" in pattern else [pattern]

"""The one door to Debian packages: every role and every verb that installs or removes some goes through it.

This file also goes to hosts that have no agent yet, so it imports the standard library only; `python3 packages.py NAME ...`
installs what is missing and prints JSON, with --check it says what it would do and changes nothing.
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

LISTS = Path("/var/lib/apt/lists")
LOCKS = tuple(
    map(Path, ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"))
)
# A mirror removes what it replaces: lists of last week name files that are not there any more.
FRESH_SECONDS = 24 * 3600
# A day's upgrades of a host take minutes, and hold the lock all the time.
WAIT_SECONDS = 600
_COMMAND_SECONDS, _REFRESH_SECONDS = 840, 240
_PAUSE_SECONDS = 1.0
_SETTINGS = (
    "Dpkg::Options::=--force-confold",
    "DPkg::Lock::Timeout=30",
    "Acquire::Retries=2",
    "Acquire::http::Timeout=30",
    "Acquire::https::Timeout=30",
)
_OPTIONS = ("-qq", "-y", *(word for setting in _SETTINGS for word in ("-o", setting)))
# needrestart must restart nothing: least of all the ledger.
_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_SUSPEND": "1",
    "APT_LISTCHANGES_FRONTEND": "none",
    "LC_ALL": "C.UTF-8",
}
_LOCKED = re.compile(r"Could not get lock|Unable to lock|is locked by another process|Unable to acquire the dpkg")
_STALE = re.compile(r"404 |Failed to fetch|Unable to locate package|has no installation candidate|Unable to fetch some archives")
_HELD = re.compile(r"Held packages were changed|held broken packages")
_TAIL_CHARACTERS = 1500
MEND = "an earlier installation was interrupted; mend it, run again"
_FAILED, _TOO_LONG = 3, 124


class PackagesError(Exception):
    """Packages cannot be installed or removed. `hint` says what to do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


def missing(names: Iterable[str]) -> list[str]:
    """Return those of the packages that are not installed, sorted."""
    states = _states()
    return sorted(name for name in set(names) if states.get(name, ("", ""))[1] != "installed")


def held() -> set[str]:
    """Return the packages that somebody holds (apt-mark hold)."""
    return {name for name, (want, _) in _states().items() if want == "hold"}


def install(names: Iterable[str]) -> None:
    """Install packages in one call, without any that they only recommend, and removing none.

    Lists are refreshed when they are old, and once more when the mirror does not have what they name. Raise PackagesError
    when somebody holds the lock for too long, holds a package, or when the mirror is out of reach.
    """
    wanted = sorted(set(names))
    trouble = "" if _are_fresh() else _refresh()
    finish()
    words = ["--no-install-recommends", "--no-remove", "install", *wanted]
    done = apt_get(*words)
    if done.returncode and _STALE.search(said(done)) and (trouble or _refresh()) == "":
        done = apt_get(*words)
    judge(done, words, wanted, f"\nlists could not be refreshed: {trouble}" if trouble else "")


def unfinished() -> list[str]:
    """Return the packages that an interrupted or failed run left neither installed nor removed, sorted."""
    fine = ("installed", "config-files", "not-installed")
    return sorted(name for name, (_, status) in _states().items() if status not in fine)


def lists_age_seconds() -> float:
    """Return how long ago the lists were refreshed: apt touches its folders each time, also when nothing is new. inf: never."""
    if not any(LISTS.glob("*_Packages*")):
        return float("inf")
    folders = [folder.stat().st_mtime for folder in (LISTS, LISTS / "partial") if folder.is_dir()]
    return abs(time.time() - max(folders, default=0))


def refresh(older_than_seconds: float) -> str:
    """Refresh lists that are older. Return an empty text, or what went wrong: lists that are old may still do.

    Somebody else's refresh is waited for: until it has ended only some of the lists are there, and they look new.
    """
    until = time.monotonic() + WAIT_SECONDS
    while _holder(LOCKS[2:3]) and time.monotonic() < until:
        time.sleep(_PAUSE_SECONDS)
    return "" if lists_age_seconds() < older_than_seconds else _refresh()


def simulated(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Return what apt-get would do with these words. Nothing is changed or locked."""
    return _run(["apt-get", "-qq", "-y", "--simulate", "-o", "Debug::NoLocking=1", *words])


def remove(names: Iterable[str], purge: bool = False) -> None:
    """Remove packages; their configuration stays unless they are purged. Raise PackagesError as `install` does."""
    wanted = sorted(set(names))
    finish()
    words = ["purge" if purge else "remove", *wanted]
    judge(apt_get(*words), words, wanted)


def would_remove(words: Sequence[str]) -> set[str]:
    """Return the packages that a call of apt-get with these words would remove. Nothing is changed or locked."""
    return _lines_of(simulated(words).stdout, ("Remv ", "Purg "))


def planned(names: Iterable[str]) -> list[str]:
    """Return what an install would do, a line each; nothing is changed, fetched or locked."""
    wanted = missing(names)
    if not wanted:
        return []
    refresh = [] if _are_fresh() else ["refresh the package lists"]
    waits = [f"wait for {holder}" for holder in [_holder()] if holder]
    kept = [f"{name} is held: apt-mark unhold {name}" for name in sorted(held() & set(wanted))]
    return [*waits, *refresh, *(f"install {name}" for name in wanted), *kept]


def _states() -> dict[str, tuple[str, str]]:
    """Return what is wanted of each package that dpkg knows, and how it is."""
    done = _run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Want} ${db:Status-Status}\n"])
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _are_fresh() -> bool:
    return lists_age_seconds() < FRESH_SECONDS


def _refresh() -> str:
    """Refresh the lists. Return an empty text, or what went wrong: lists that are old may still do.

    Now and then apt waits for good for a fetcher that has nothing left to do: it is ended and begun once more.
    """
    line = ["timeout", str(_REFRESH_SECONDS), "apt-get", *_OPTIONS, "-o", "APT::Update::Error-Mode=any", "update"]
    done = unlocked(line)
    if done.returncode == _TOO_LONG and (done := unlocked(line)).returncode == _TOO_LONG:
        return f"apt-get update did not end within {_REFRESH_SECONDS} s, twice"
    return said(done) if done.returncode else ""


def apt_get(*words: str, seconds: float = _COMMAND_SECONDS) -> "subprocess.CompletedProcess[str]":
    """Run apt-get as all of us do: it asks nothing, keeps the site's configuration, restarts nothing by itself."""
    return unlocked(["apt-get", *_OPTIONS, *words], seconds)


def finish() -> None:
    """Complete what an interrupted run left: what is unpacked is configured, what is torn is unpacked anew.

    Raise PackagesError, with dpkg's words, where that fails.
    """
    done = unlocked(["dpkg", "--configure", "-a"])
    torn = _torn()
    if torn:
        # Power that went away while files were unpacked: dpkg then asks for the whole package again before anything else.
        judge(apt_get("--reinstall", "--no-remove", "install", *torn), ["--reinstall", "install", *torn], torn)
        done = unlocked(["dpkg", "--configure", "-a"])
    if done.returncode:
        raise PackagesError(f"dpkg --configure -a: {said(done)}", MEND)


def _torn() -> list[str]:
    """Return the packages that must be unpacked anew, sorted."""
    done = _run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Eflag}\n"])
    rows = (line.split() for line in done.stdout.splitlines())
    return sorted(row[0] for row in rows if row[1:] == ["reinstreq"])


def unlocked(argv: Sequence[str], seconds: float = _COMMAND_SECONDS) -> "subprocess.CompletedProcess[str]":
    """Run a command once nobody holds the package manager. Raise PackagesError, naming who does, after WAIT_SECONDS."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        _wait(until)
        done = _run(argv, seconds)
        if not (done.returncode and _LOCKED.search(said(done))) or time.monotonic() >= until:
            return done
        # Somebody was quicker between the look and the command.
        time.sleep(_PAUSE_SECONDS)


def _wait(until: float) -> None:
    while holder := _holder():
        if time.monotonic() >= until:
            raise PackagesError(f"waited {WAIT_SECONDS} s for {holder}", "let it end, or see why it does not; then run again")
        time.sleep(_PAUSE_SECONDS)


def _run(argv: Sequence[str], seconds: float = _COMMAND_SECONDS) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **_ENVIRONMENT}
    try:
        return subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PackagesError(f"{argv[0]} did not end within {seconds:g} s", "see whether the mirror can be reached") from error
    except OSError as error:
        raise PackagesError(f"{argv[0]} cannot be run: {error.strerror}", "this needs Debian and root") from error


def _holder(locks: Iterable[Path] = ()) -> str:
    """Return who holds one of the package manager's locks, or of these, in words; empty when nobody does."""
    for path in locks or LOCKS:
        with contextlib.suppress(OSError), path.open("rb+") as file:
            asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, asked))
            if kind != fcntl.F_UNLCK and pid != os.getpid():
                return f"{_process(pid)}, which holds {path}"
    return ""


def _process(pid: int) -> str:
    """Return a process by its name, its number and its unit; one of another container cannot be seen."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        group = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"process {pid}"
    units = [part for part in re.split(r"[/\n]", group) if part.endswith((".service", ".scope"))]
    return f"{name} (process {pid}{f' of {units[-1]}' if units else ''})"


def judge(done: "subprocess.CompletedProcess[str]", words: Sequence[str], wanted: Sequence[str], more: str = "") -> None:
    """Raise PackagesError for a call that failed: what is held, what would be lost, else apt's own last words."""
    if not done.returncode:
        return
    touched = _lines_of(simulated(["--allow-change-held-packages", *words]).stdout, ("Inst ", "Remv ", "Purg ")) | set(wanted)
    blocked = sorted(held() & touched) or (sorted(held()) if _HELD.search(said(done)) else [])
    if blocked:
        names = " ".join(blocked)
        raise PackagesError(f"held by somebody (apt-mark hold): {names}", f"ask why; then apt-mark unhold {names}, and run again")
    lost = sorted(would_remove([word for word in words if word != "--no-remove"])) if "install" in words else []
    if lost:
        what = f"installing {' '.join(wanted)} would remove {' '.join(lost)}, which this host has"
        raise PackagesError(what, "remove it yourself when nobody needs it, or do without what is installed here")
    raise PackagesError(f"{said(done)}{more}", "see whether the package mirror can be reached: apt-get update")


def _lines_of(text: str, starts: tuple[str, ...]) -> set[str]:
    return {line.split()[1].partition(":")[0] for line in text.splitlines() if line.startswith(starts)}


def said(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the end of what a command said."""
    return (done.stderr.strip() or done.stdout.strip() or f"left with code {done.returncode}")[-_TAIL_CHARACTERS:]


def _answer(names: Sequence[str], check: bool) -> dict[str, object]:
    plan, wanted = planned(names), missing(names)
    if wanted and not check:
        install(wanted)
    return {"changed": bool(wanted), "plan": plan, "installed": wanted}


def main() -> None:
    """Install what is missing of the packages named, and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="+")
    given = parser.parse_args()
    try:
        answer = _answer(given.names, given.check)
    except PackagesError as error:
        answer = {"failed": True, "msg": f"{error.what}\n  do: {error.hint}" if error.hint else error.what}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.exit(_FAILED if answer.get("failed") else 0)


if __name__ == "__main__":
    main()

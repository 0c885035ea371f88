"""Upgrade installed packages through the one door, and complete what was interrupted."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress

from nodeops.host.packages import PackagesError, apt_get, finish, judge, said, unfinished, unlocked

# An upgrade that is stopped in the middle is worse than one that takes long.
_SECONDS = 3 * 3600
_WORDS_OF_DPKG = re.compile(r"^dpkg: error.*(?:\n .*)*", re.MULTILINE)
_LONGEST = 1000


def upgrade(pins: Mapping[str, str]) -> None:
    """Upgrade installed packages to the versions named, in one call, removing none. Raise PackagesError as `install` does.

    One that an earlier run left unconfigured is replaced by its newer version, which may be what mends it.
    """
    names = {name.partition(":")[0] for name in pins}
    done = unlocked(["dpkg", "--configure", "-a"])
    if done.returncode and not set(unfinished()) <= names:
        finish()
    wanted = [f"{name}={version}" for name, version in sorted(pins.items())]
    words = ["--no-install-recommends", "--no-remove", "install", *wanted]
    automatic = _automatic(pins)
    try:
        done = apt_get(*words, seconds=_SECONDS)
    finally:
        _mark(automatic)
    _require_whole(done)
    judge(done, words, sorted(pins))


def _require_whole(done: "subprocess.CompletedProcess[str]") -> None:
    """Raise PackagesError, with dpkg's words, where a package could not be set up."""
    broken = unfinished() if done.returncode else []
    if broken:
        words = " ".join(" ".join(_WORDS_OF_DPKG.findall(done.stdout + done.stderr)).split())[:_LONGEST]
        hint = "mend it, or set it back to the version before: apt-get install NAME=VERSION; then run again"
        raise PackagesError(f"{', '.join(broken)} could not be installed: {words or said(done)}", hint)


def _automatic(names: Iterable[str]) -> list[str]:
    """Return those of the packages that nobody asked for: apt forgets that of a package whose version it is told."""
    return unlocked(["apt-mark", "showauto", *sorted(names)]).stdout.split()


def _mark(automatic: Iterable[str]) -> None:
    names = sorted(automatic)
    if names:
        with suppress(PackagesError):
            unlocked(["apt-mark", "auto", *names])

"""Which program files the processes of this host have mapped, and which of these were replaced or removed since."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# Where packages, the ledger and the agent put what runs. Elsewhere are memory, devices and files that come and go.
_PROGRAMS = ("/usr/", "/lib", "/bin/", "/sbin/", "/opt/")
_GONE = " (deleted)"
# The outermost one: what runs below a user's own systemd belongs to that login.
_UNIT = re.compile(r"/([^/\n]+\.(?:service|scope))")


@dataclass(frozen=True)
class Mapped:
    """One process, the unit it belongs to (empty: none), its program files that are in place, and those that were replaced."""

    pid: int
    unit: str
    files: frozenset[str]
    replaced: frozenset[str]


def mapped() -> Iterator[Mapped]:
    """Yield every process that runs a program file. A process that ends meanwhile, or may not be looked at, is left out."""
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            maps = (folder / "maps").read_text(encoding="utf-8", errors="replace")
            group = (folder / "cgroup").read_text(encoding="utf-8", errors="replace")
            files = frozenset(_programs(maps))
            if files:
                replaced = frozenset(file.removesuffix(_GONE) for file in files if file.endswith(_GONE))
                yield Mapped(int(folder.name), unit_of(group), frozenset(file for file in files if _GONE not in file), replaced)


def _programs(maps: str) -> Iterator[str]:
    for line in maps.splitlines():
        columns = line.split(maxsplit=5)
        if len(columns) == 6 and "x" in columns[1] and columns[5].startswith(_PROGRAMS):
            yield columns[5]


def unit_of(group: str) -> str:
    """Return the unit that /proc/PID/cgroup names, whichever version of control groups; empty when it names none."""
    found = _UNIT.search(group)
    return found[1] if found else ""

"""Which file decides a kernel parameter at boot and at every run of systemd-sysctl. Pure.

Source: sysctl.d(5) and sysctl.c of systemd 252 and 257: files of one name hide each other by their folder, names are in order
whatever the folder, the last assignment counts, and one that names a parameter goes before all that find it by a pattern.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")


@dataclass(frozen=True)
class Assignment:
    """A line of a file. `key` is a path below /proc/sys; `value` None takes the parameter out of what patterns set."""

    key: str
    value: str | None
    file: str


def in_order(paths: Iterable[str]) -> list[str]:
    """Return the files that are read, in order."""
    found: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: FOLDERS.index(str(PurePosixPath(path).parent))):
        found.setdefault(PurePosixPath(path).name, path)
    return [found[name] for name in sorted(found)]


def assignments(files: Sequence[tuple[str, str]]) -> list[Assignment]:
    """Return all assignments of files that are in order, each with its text."""
    return [one for file, text in files for line in text.splitlines() if (one := _assignment(line.strip(), file))]


def _assignment(line: str, file: str) -> Assignment | None:
    if not line or line[0] in "#;":
        return None
    key, equals, value = line.removeprefix("-").partition("=")
    if not equals and not line.startswith("-"):
        return None
    return Assignment(normal(key.strip()), " ".join(value.split()) if equals else None, file)


def normal(key: str) -> str:
    """Return a key as a path below /proc/sys: the separator that stands first is the separator (sysctl.d(5))."""
    first = next((letter for letter in key if letter in "./"), "/")
    return key.translate(str.maketrans("./", "/.")) if first == "." else key


def deciding(found: Sequence[Assignment], key: str) -> Assignment | None:
    """Return the assignment that a parameter gets; None when no file says anything of it."""
    path = normal(key)
    named = [one for one in found if one.key == path]
    if named:
        return named[-1] if named[-1].value is not None else None
    fitting = [one for one in found if one.value is not None and _finds(one.key, path)]
    return fitting[-1] if fitting else None


def _finds(pattern: str, path: str) -> bool:
    parts, wanted = pattern.split("/"), path.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, wanted, parts))


def said_of(found: Sequence[Assignment], keys: Iterable[str]) -> Mapping[str, Assignment]:
    """Return what is decided of each key, without those that no file speaks of."""
    return {key: one for key in keys if (one := deciding(found, key)) is not None}

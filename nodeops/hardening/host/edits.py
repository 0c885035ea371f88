"""Edit a vendor's file that has no drop-in folder: set keys, and take them out again. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nodeops.hardening.controls.strictness import Bound, as_strict, as_strict_as_both


@dataclass(frozen=True)
class Key:
    """A key that is set in a file, the value that is wanted and what stands between the two."""

    name: str
    value: str
    separator: str = " "
    bound: Bound = "exact"
    until: str = ""

    def line(self, value: str) -> str:
        """Return the line that gives the key a value."""
        return f"{self.name}{self.separator}{value}"

    def end(self, lines: list[str]) -> int:
        """Return how many lines are for everyone: those before the first that begins with `until`."""
        ends = [number for number, line in enumerate(lines) if self.until and line.lower().split()[:1] == [self.until.lower()]]
        return ends[0] if ends else len(lines)

    def places(self, lines: list[str]) -> list[int]:
        """Return the numbers of the lines that set this key for everyone."""
        return [number for number, line in enumerate(lines[: self.end(lines)]) if self.pattern.match(line)]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what matches a line that sets this key; a comment does not."""
        return re.compile(rf"^\s*{re.escape(self.name)}\s*[\s=].*$", re.IGNORECASE if self.separator == " " else 0)


def with_keys(text: str, keys: list[Key]) -> str:
    """Return a text in which every key is set once: on the line that set it first, else at the end of what is for everyone. A
    value that is as strict as ours stays as it is."""
    lines = text.splitlines()
    for key in keys:
        lines = _with_key(lines, key)
    return "\n".join(lines) + "\n"


def _with_key(lines: list[str], key: Key) -> list[str]:
    at, found = key.places(lines), value_of("\n".join(lines), key)
    if found is not None and stays(key, found):
        return lines
    line = key.line(key.value if found is None else as_strict_as_both(key.bound, key.value, found))
    if not at:
        return [*lines[: key.end(lines)], line, *lines[key.end(lines) :]]
    return [line if number == at[0] else one for number, one in enumerate(lines) if number not in at[1:]]


def stays(key: Key, found: str) -> bool:
    """Tell whether a value is somebody's that is as strict as ours, and not ours itself."""
    return found != key.value and as_strict(key.bound, key.value, found)


def value_of(text: str, key: Key) -> str | None:
    """Return the value that a text gives a key for everyone: the last that it says; None when it does not."""
    lines = text.splitlines()
    found = [lines[number] for number in key.places(lines)]
    return found[-1].strip()[len(key.name) :].lstrip(" \t=").strip() if found else None


def rebased(present: str, original: str, keys: list[Key]) -> str:
    """Return what a changed file would be without our keys: each of them is as the original has it again, but for those that
    somebody has made stricter since."""
    lines = present.splitlines()
    for key in keys:
        if stays(key, value_of("\n".join(lines), key) or key.value):
            continue
        first = original.splitlines()
        before = [first[number] for number in key.places(first)]
        at = key.places(lines)
        put = {at[0]: before} if at else {key.end(lines): before}
        lines = [kept for number, line in enumerate([*lines, ""]) for kept in _kept(number, line, at, put, len(lines))]
    text = "\n".join(lines) + "\n"
    return original if text.split() == original.split() else text


def _kept(number: int, line: str, at: list[int], put: Mapping[int, list[str]], end: int) -> list[str]:
    if number in at:
        return put.get(number, [])
    return [*put.get(number, []), *([] if number == end else [line])]

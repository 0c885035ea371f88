"""Edit a vendor's file that has no drop-in folder: set keys, and take them out again. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """A key that is set in a file, the value that is wanted and what stands between the two."""

    name: str
    value: str
    separator: str = " "

    @property
    def line(self) -> str:
        """Return the line as it is written."""
        return f"{self.name}{self.separator}{self.value}"

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what matches a line that sets this key; a comment does not."""
        return re.compile(rf"^\s*{re.escape(self.name)}\s*[\s=].*$", re.IGNORECASE if self.separator == " " else 0)


def with_keys(text: str, keys: list[Key]) -> str:
    """Return a text in which every key is set once: on the line that set it first, else at the end."""
    lines = text.splitlines()
    for key in keys:
        lines = _with_key(lines, key)
    return "\n".join(lines) + "\n"


def _with_key(lines: list[str], key: Key) -> list[str]:
    at = [number for number, line in enumerate(lines) if key.pattern.match(line)]
    if not at:
        return [*lines, key.line]
    return [key.line if number == at[0] else line for number, line in enumerate(lines) if number not in at[1:]]


def value_of(text: str, key: Key) -> str | None:
    """Return the value that a text gives a key: the last that it says; None when it does not."""
    found = [line for line in text.splitlines() if key.pattern.match(line)]
    return found[-1].strip()[len(key.name) :].lstrip(" \t=").strip() if found else None


def rebased(present: str, original: str, keys: list[Key]) -> str:
    """Return what a changed file would be without our keys: each of them is as the original has it again."""
    lines = present.splitlines()
    for key in keys:
        before = [line for line in original.splitlines() if key.pattern.match(line)]
        at = [number for number, line in enumerate(lines) if key.pattern.match(line)]
        put = {at[0]: before} if at else {len(lines): before}
        lines = [kept for number, line in enumerate([*lines, ""]) for kept in _kept(number, line, at, put, len(lines))]
    text = "\n".join(lines) + "\n"
    return original if text.split() == original.split() else text


def _kept(number: int, line: str, at: list[int], put: Mapping[int, list[str]], end: int) -> list[str]:
    if number in put:
        return put[number]
    return [] if number in at or number == end else [line]

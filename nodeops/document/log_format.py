"""How a platform's log is read, rotated and made louder: the `[log]` table of its profile. Pure."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

# What nodeops/logs/lines.py understands of strptime's directives; %f and %z may be left out.
_REQUIRED = frozenset("YmdHMS")
_DIRECTIVES = _REQUIRED | frozenset("fz")
# Possessive repetition and atomic groups: Python 3.11.2, which Debian 12 has, gets them wrong without a word (bpo 101955).
_POSSESSIVE = re.compile(r"(?<!\\)[*+?}]\+|\(\?>")


def _pattern(value: str) -> str:
    """Return a regular expression with the named groups level and time. Raise ValueError for another one, and for one that not
    every host reads alike.
    """
    try:
        found = set(re.compile(value.encode()).groupindex)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    if not {"level", "time"} <= found:
        raise ValueError("needs the named groups level and time")
    if _POSSESSIVE.search(value):
        raise ValueError("has a possessive repetition or an atomic group, which Debian 12's Python gets wrong")
    return value


def _time_format(value: str) -> str:
    """Return a time format of the directives %Y %m %d %H %M %S, and %f, %z if wanted. Raise ValueError for another one."""
    used = re.findall(r"%(.)", value)
    if not set(used) <= _DIRECTIVES or not set(used) >= _REQUIRED or len(used) != len(set(used)):
        raise ValueError("needs %Y %m %d %H %M %S once each, and may have %f and %z, and no other directive")
    return value


class LogLever(BaseModel, strict=True, frozen=True, extra="forbid", defer_build=True):
    """How the level is changed for a while: an environment variable that the process reads when it is started."""

    method: Literal["restart"]
    variable: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,60}$")]
    why: str


class LogFormat(BaseModel, strict=True, frozen=True, extra="forbid", defer_build=True):
    """How the ledger's log is read, and who rotates it.

    `line` matches the head of a line; its group `text`, if it has one, is the message without its values, and its group
    `module` what part of the ledger wrote it; without that group `module` is the key of a logfmt value behind the head.
    `levels` says which level a line's group `level` means. `timezone` is that of times without an offset. With `rotation` none
    nobody renames the log; with own the ledger does, with reopen it opens its log anew on `reopen_signal`; `rotated` then matches
    the names of the renamed files.
    """

    line: Annotated[str, AfterValidator(_pattern)]
    time_format: Annotated[str, AfterValidator(_time_format)]
    timezone: Literal["utc", "local"]
    module: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,60}$")]
    levels: Annotated[dict[str, str], Field(min_length=1)]
    rotation: Literal["none", "own", "reopen"]
    reopen_signal: Literal["SIGHUP", "SIGUSR1", "SIGUSR2"] | None = None
    rotated: Annotated[str, StringConstraints(pattern=r"^[^/\x00]{1,200}$")] | None = None
    lever: LogLever | None = None

    @model_validator(mode="after")
    def _rotation_is_whole(self) -> Self:
        if (self.rotation == "reopen") != (self.reopen_signal is not None):
            raise ValueError("reopen_signal: belongs to rotation reopen, and to no other")
        if (self.rotation == "none") != (self.rotated is None):
            raise ValueError("rotated: is needed where somebody rotates, and nowhere else")
        return self

"""Errors named for who must act. Raised anywhere, caught once in cli.py, each with its own exit code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

FINDINGS_FAILED = 1


@dataclass
class NodeopsError(Exception):
    """A failure that a person can act on: what happened, where, what is allowed and what to do next."""

    what: str
    where: str = ""
    allowed: str = ""
    hint: str = ""

    exit_code: ClassVar[int] = 70
    kind: ClassVar[str] = "internal"

    def __str__(self) -> str:
        """Return the message as one to four lines: place and fact, then what is allowed, then what to do."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        lines = [head]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.hint:
            lines.append(f"  do: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the error whole when it crosses a process boundary."""
        return (type(self), (self.what, self.where, self.allowed, self.hint))


class InputError(NodeopsError):
    """The author of a file or of an argument must act. Exit code 2."""

    exit_code = 2
    kind = "input"

    @classmethod
    def of_all(cls, errors: "Sequence[InputError]") -> "InputError":
        """Return one error that says everything: the first as it is, the others below it. There must be one."""
        first, rest = errors[0], errors[1:]
        return cls("\n".join([first.what, *map(str, rest)]), first.where, first.allowed, first.hint) if rest else first


class HostError(NodeopsError):
    """The operator of a machine must act. Exit code 3."""

    exit_code = 3
    kind = "host"


class Refused(NodeopsError):  # noqa: N818 - a gate that says no is not a fault
    """A safety gate said no, and says why. Exit code 4."""

    exit_code = 4
    kind = "refused"


class Timeout(NodeopsError):  # noqa: N818 - the field's word
    """What was waited for did not happen in the time given. Exit code 5."""

    exit_code = 5
    kind = "timeout"

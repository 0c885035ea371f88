"""One judged setting. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One judged setting. `good` None: what is written is right, and what is in force cannot be seen on this host."""

    good: bool | None
    expected: str
    actual: str

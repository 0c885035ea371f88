"""What became of a packet, from the kernel's own trace of it: which rule of which table let it in or stopped it. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nodeops.firewall.ruleset import FAMILY, TABLE

# Where a packet arrives that nothing stopped: a table of the copy, whose chains come after all others.
LAST = "nodeops_last"
OURS = f"{FAMILY} {TABLE}"
_LINE = re.compile(
    r"trace id \S+ (?P<table>\S+ \S+) (?P<chain>\S+) (?:rule (?P<rule>.*) \(verdict (?P<verdict>\w+).*\)|policy (?P<policy>\w+))"
)
_COMMENT = re.compile(r'comment "([^"]*)"')


@dataclass(frozen=True)
class Outcome:
    """What happened. `allowed` is None when the packet was neither seen to arrive nor seen to be stopped.

    `stopped_by` names table, chain and rule; `ours` is the comment of our rule that let it in, else empty.
    """

    allowed: bool | None
    stopped_by: str = ""
    ours: str = ""

    @property
    def stopped_by_others(self) -> bool:
        """Tell whether another table than ours stopped it."""
        return bool(self.stopped_by) and not self.stopped_by.startswith(f"table {OURS},")


def is_over(line: str) -> bool:
    """Tell whether nothing comes after a line of the trace."""
    found = _LINE.match(line)
    return found is not None and (_dropped(found) or found["table"] == f"inet {LAST}")


def outcome(lines: Iterable[str]) -> Outcome:
    """Return what became of a packet."""
    ours = ""
    for found in filter(None, map(_LINE.match, lines)):
        if found["table"] == f"inet {LAST}":
            return Outcome(True, ours=ours)
        if _dropped(found):
            rule = found["rule"] or f"policy {found['policy']}"
            return Outcome(False, f"table {found['table']}, chain {found['chain']}: {rule}", ours)
        if found["table"] == OURS and found["verdict"] == "accept":
            ours = _named(found["rule"])
    return Outcome(None, ours=ours)


def _dropped(found: "re.Match[str]") -> bool:
    return "drop" in (found["verdict"], found["policy"])


def _named(rule: str) -> str:
    comment = _COMMENT.search(rule)
    return comment[1] if comment else rule

"""From one version of a ledger to another: one node at a time, by vote at a height, or not at all, as the profile says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nodeops.core.errors import Refused
from nodeops.core.printable import printable
from nodeops.document.profile import Profile, load_profile

How = Literal["none", "rolling", "vote", "never"]
_NUMBERS = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)")


@dataclass(frozen=True)
class Jump:
    """How a chain goes from the version `before` to `after`, and why so. "none": they are the same."""

    before: str
    after: str
    how: How
    why: str

    def __str__(self) -> str:
        """Return it in the words of a message."""
        return f"{self.before} -> {self.after}"


def jump(profile: Profile, before: str, after: str) -> Jump:
    """Return how a chain of this family goes from one version to another."""
    if before == after:
        return Jump(before, after, "none", "the same version")
    rule = profile.upgrades
    for one in rule.exceptions:
        if {before, after} == set(one.between):
            return Jump(before, after, one.how, one.why)
    if alike(before, after, rule.alike):
        return Jump(before, after, "rolling", rule.why)
    return Jump(before, after, rule.otherwise, rule.otherwise_why)


def alike(one: str, other: str, count: int) -> bool:
    """Tell whether the first `count` numbers of two versions are equal. Without so many numbers nothing is known."""
    first, second = _numbers(one), _numbers(other)
    return len(first) >= count <= len(second) and first[:count] == second[:count]


def _numbers(version: str) -> list[int]:
    found = _NUMBERS.match(version)
    return [int(number) for number in found[1].split(".")] if found else []


def refuse_jumps(platform: str, version: str, installed: Mapping[str, str | None], *, voted: bool) -> None:
    """Raise Refused, with the reasons, where hosts cannot go over from what is installed on them. Hosts with nothing can.

    `voted`: this run waits for the height that the organisations voted on.
    """
    profile, hint = load_profile(platform), ""
    refused = []
    for name, before in sorted(installed.items()):
        found = jump(profile, printable(before, 60), version) if before else None
        if found and (found.how == "never" or (found.how == "vote" and not voted)):
            refused.append(f"{name}: {found}: {found.why}")
            hint = (
                "ansible-playbook playbooks/upgrade.yml waits for the height" if found.how == "vote" else "name another version"
            )
    if refused:
        what = "this version may not replace what is installed:\n  " + "\n  ".join(refused)
        raise Refused(what, where="consortium.yml: ledger.version", hint=hint)

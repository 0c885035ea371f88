"""Quorum arithmetic on voting power, in whole numbers. Pure. The rule of a ledger family stands in its profile."""

from nodeops.document.profile import Quorum


def needed(total: int, rule: Quorum) -> int:
    """Return the least live voting power that commits blocks: the first whole number above the rule's share of `total`."""
    return total * rule.numerator // rule.denominator + 1


def margin(live: int, total: int, rule: Quorum) -> int:
    """Return the live voting power that may still be lost. Negative: this much is missing, and the chain is halted."""
    return live - needed(total, rule)


def can_lose(power: int, live: int, total: int, rule: Quorum) -> bool:
    """Tell whether blocks are still committed after losing this much of the live voting power."""
    return margin(live - power, total, rule) >= 0

"""Shares as exact fractions: read from text, written as text, never a float. Pure."""

from fractions import Fraction

_DIGITS = 4


def percent(text: str) -> Fraction:
    """Return a number of percent, as contracts have it, as a share: "99.9" is 999/1000."""
    return Fraction(text) / 100


def written(share: Fraction | None) -> str:
    """Return a share as `N/D` in lowest terms; "no claim" for none."""
    return "no claim" if share is None else f"{share.numerator}/{share.denominator}"


def shown_percent(share: Fraction | None) -> str:
    """Return a share in percent for people, cut and never rounded up: who was not there all the time has no 100 %."""
    if share is None:
        return "no claim"
    whole, part = divmod(share.numerator * 100 * 10**_DIGITS // share.denominator, 10**_DIGITS)
    return f"{whole}.{part:0{_DIGITS}} %"

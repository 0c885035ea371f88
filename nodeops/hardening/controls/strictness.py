"""Whether a value that somebody chose is at least as strict as a control asks, and what is as strict as both. Pure."""

import re
from typing import Literal

# How values of one key compare. `exact`: there is one right value. `at_most`, `at_least`: numbers, each of those in a value; 0
# and below mean "without limit", and with `_or_zero` the strictest. `within`: a list of names, of which fewer are stricter.
# `bits`: an octal mask, of which more bits are stricter. `key_first`: methods of sshd, each of which asks for a key; more
# factors are stricter.
Bound = Literal["exact", "at_most", "at_least", "at_most_or_zero", "at_least_or_zero", "within", "bits", "key_first"]


def as_strict(bound: Bound, wanted: str, found: str) -> bool:
    """Tell whether a value that was found is at least as strict as the one that is wanted."""
    if found == wanted:
        return True
    if bound == "exact":
        return False
    if bound == "within":
        return bool(_names(found)) and set(_names(found)) <= set(_names(wanted))
    if bound == "key_first":
        return asks_for_a_key(found)
    if bound == "bits":
        return _is_octal(found) and int(found, 8) & int(wanted, 8) == int(wanted, 8)
    ours, theirs = _numbers(wanted), _numbers(found)
    return len(ours) == len(theirs) > 0 and all(_number_fits(bound, *pair) for pair in zip(ours, theirs, strict=True))


def as_strict_as_both(bound: Bound, wanted: str, found: str) -> str:
    """Return the loosest value that is as strict as ours and as one that somebody chose; ours when the two share nothing."""
    if as_strict(bound, wanted, found):
        return found
    if bound == "within":
        return ",".join(name for name in _names(wanted) if name in _names(found)) or wanted
    if bound == "bits" and _is_octal(found):
        return f"{int(wanted, 8) | int(found, 8):03o}"
    return _fewer(wanted, found) if bound == "at_most" else wanted


def _fewer(wanted: str, found: str) -> str:
    """Return a value whose numbers are the lower of both, written as ours is: 10:30:60 and 5:50:60 give 5:30:60."""
    ours, theirs = _numbers(wanted), _numbers(found)
    if len(ours) != len(theirs):
        return wanted
    lower = iter(min(pair, key=lambda one: (one <= 0, one)) for pair in zip(ours, theirs, strict=True))
    return re.sub(r"-?\d+", lambda _: str(next(lower)), wanted)


def asks_for_a_key(methods: str) -> bool:
    """Tell whether each of the ways that AuthenticationMethods names asks for a key."""
    ways = methods.split()
    return bool(ways) and all(any(step.partition(":")[0] == "publickey" for step in way.split(",")) for way in ways)


def uses(methods: str, method: str) -> bool:
    """Tell whether a way that AuthenticationMethods names asks for a method too."""
    return any(step.partition(":")[0] == method for way in methods.split() for step in way.split(","))


def _number_fits(bound: Bound, wanted: int, found: int) -> bool:
    if bound.endswith("_or_zero") and found == 0:
        return True
    if wanted > 0 >= found:
        return False
    return found <= wanted if bound.startswith("at_most") else found >= wanted


def _numbers(text: str) -> list[int]:
    text = text.partition(" #")[0].strip()
    return [int(word) for word in re.split(r"[:\s]+", text)] if re.fullmatch(r"-?\d+([:\s]+-?\d+)*", text) else []


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _is_octal(text: str) -> bool:
    return bool(re.fullmatch(r"[0-7]{1,5}", text))

"""Text of others as it may be shown: control characters and broken bytes never reach a terminal or a log. Pure."""

import re

_MESSAGE_LIMIT = 300
# Control characters drive a terminal, and bidirectional marks reorder what is read.
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_SHOWN_CHARACTERS = 120


def harmless(text: str) -> str:
    """Return foreign text of any length and number of lines, with every character that would steer a terminal as its escape."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


def escaped(text: str) -> str:
    """Return foreign text whole; when anything in it cannot be printed, everything but ASCII as its escape."""
    return text if text.isprintable() else ascii(text)[1:-1]


def shown(name: str) -> str:
    """Return a name that may be hostile as printable text: control characters and broken bytes escaped, long ones cut."""
    text = escaped(name)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def printable(text: object, limit: int = _MESSAGE_LIMIT) -> str:
    """Return foreign text on one line, without control characters, of at most `limit` characters."""
    raw = str(text)[: limit + 1]
    clean = "".join(letter if letter.isprintable() else " " for letter in raw)
    return f"{clean[: limit - 1]}…" if len(clean) > limit else clean

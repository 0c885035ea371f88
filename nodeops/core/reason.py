"""The words by which somebody goes past what a verb says: they are written down. Pure."""

from nodeops.core.errors import InputError

_MOST_CHARACTERS = 200


def forced_reason(text: str) -> str:
    """Return a reason given with --force; an empty text is none. Raise InputError for one that cannot be written down."""
    if len(text) > _MOST_CHARACTERS or not text.isprintable() or text != text.strip():
        raise InputError("is no reason", where="--force", allowed=f"1 to {_MOST_CHARACTERS} characters that can be printed")
    return text

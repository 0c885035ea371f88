"""The book as this host read it last, so that each entry is judged once, however many there are: a cache beside the index.

It belongs to one genesis and to one set of terms. That of others, and a damaged one, is as none: the book is made anew.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeops.host.files import write_atomic
from nodeops.quorum.lease.policy import Book, Lease
from nodeops.quorum.lease.terms import Terms

_LAYOUT, _MODE = 1, 0o600


@dataclass
class Pages:
    """A book, and the height and the place in its block up to where it was read."""

    book: Book
    after: tuple[int, int] = (0, 0)


def opened(file: Path, genesis: str, terms: Terms) -> Pages:
    """Return the book to go on from: the one that was kept, else an empty one."""
    try:
        found: Any = json.loads(file.read_bytes())
        if found["name"] != _name(genesis, terms):
            return Pages(Book(terms))
        height, place = found["after"]
        leases, doubts = (
            [Lease(**one) for one in found["leases"]],
            {str(name): int(until) for name, until in found["doubts"].items()},
        )
        return Pages(Book(terms, leases, doubts), (int(height), int(place)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Pages(Book(terms))


def keep(file: Path, genesis: str, pages: Pages) -> None:
    """Keep a book. Raise HostError when it cannot be written."""
    book = pages.book
    leases = [vars(one) for one in book.kept]
    text = {"name": _name(genesis, book.terms), "after": pages.after, "leases": leases, "doubts": book.doubts}
    write_atomic(file, json.dumps(text).encode(), _MODE)


def _name(genesis: str, terms: Terms) -> list[Any]:
    return [_LAYOUT, genesis, terms.name]

"""All leases that were ever granted, with the ends they came to: for who asks about a time long past. Pure."""

from collections.abc import Iterable

from nodeops.quorum.lease.policy import Book, Lease
from nodeops.quorum.lease.terms import Terms
from nodeops.records.statements import Stated


def granted(entries: Iterable[Stated], terms: Terms) -> list[Lease]:
    """Return what became of all entries, in the ledger's order. A book itself forgets what ended more than a day ago."""
    book = Book(terms)
    found: dict[tuple[int, int], Lease] = {}
    for one in entries:
        before = book.kept
        book.add(one)
        # What changes nothing, as most of a flood, is not looked through.
        if book.kept is not before:
            found |= {(lease.height, lease.place): lease for lease in book.kept}
    return list(found.values())

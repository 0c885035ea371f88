"""Leases on this host's ledger: read with nothing left out, and written in the name of this node's organisation."""

import json
import time
from collections.abc import Callable
from typing import Any

from nodeops.core.errors import HostError, InputError, NodeopsError, Timeout
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.cometbft.kept import read_genesis
from nodeops.quorum.lease.entries import KEY, Step, memo_of
from nodeops.quorum.lease.policy import Reading, reading, terms_of
from nodeops.quorum.lease.promised import for_node
from nodeops.quorum.policy import Leases, Standing
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.backend import knows_authors, open_backend, open_pen
from nodeops.records.statements import Stated, seconds_of

# Who asks at the gate waits for so long while this host reads for the first time what authors wrote; what was read is kept.
_READ_SECONDS = 60.0


class LeaseStore:
    """The book of leases behind this host's own node, which need not be honest. Raise InputError on a ledger without authors."""

    def __init__(self, document: NodeDocument, store: AuthorStore, pen: AuthorPen | None = None) -> None:
        self.document, self.store, self.pen = document, store, pen
        self.terms = terms_of(document.members, load_profile(document.ledger.platform).quorum)

    def read(self) -> Reading:
        """Return who holds what now. Raise as `AuthorStore.again` does."""
        frontier = self.store.again()
        found = [one for one in self.store.statements(KEY) if one.height <= frontier.height]
        return reading(found, self.terms, frontier.height, seconds_of(frontier.time))

    def write(self, step: Step, timeout_seconds: float) -> Stated:
        """Put an entry on the ledger, and return it where it stands. Raise Timeout when no block takes it."""
        if self.pen is None:
            raise ValueError("leases were opened to be read only")
        return self.pen.state(KEY, memo_of(step), timeout_seconds)


def open_leases(document: NodeDocument, on_number: Callable[[], object] = lambda: None) -> LeaseStore:
    """Return the book to read from. Raise InputError on a ledger without authors, HostError as records do."""
    store = open_backend(document, on_number) if knows_authors(document) else None
    if not isinstance(store, AuthorStore):
        raise _no_authors(document)
    return LeaseStore(document, store)


def open_leases_to_write(document: NodeDocument, on_number: Callable[[], object] = lambda: None) -> tuple[LeaseStore, AuthorPen]:
    """Return the book, and the pen of this node. Raise as `open_leases`, HostError without a key."""
    if knows_authors(document):
        store, pen = open_pen(document, None, on_number)
        if isinstance(store, AuthorStore) and isinstance(pen, AuthorPen):
            return LeaseStore(document, store, pen), pen
    raise _no_authors(document)


def _no_authors(document: NodeDocument) -> InputError:
    text = f"leases need a ledger that knows who wrote an entry; {document.ledger.platform} does not"
    return InputError(text, where="nodeops quorum lease", allowed="ledgerd: platform: cosmos", hint="docs/ledgerd.md is about it")


def leases_for(document: NodeDocument, seen: Standing) -> Leases:
    """Return what leases mean for this node at the gate; on a ledger without authors nothing. What cannot be read, it says."""
    if not knows_authors(document):
        return Leases()
    until = time.monotonic() + _READ_SECONDS

    def in_time() -> None:
        if time.monotonic() > until:
            raise Timeout(f"not all was read within {_READ_SECONDS:g} s; the next time goes on from there", where="leases")

    try:
        read = open_leases(document, in_time).read()
        return for_node(read, document.node.name, {**validators_by_name(document), document.node.name: seen.own}, seen)
    except NodeopsError as error:
        return Leases(unread=error.what)


def validators_by_name(document: NodeDocument) -> dict[str, str]:
    """Return the addresses of validators that this host knows the names of: the founders'. Raise HostError without a genesis."""
    where = document.ledger.paths["genesis"]
    try:
        found: Any = json.loads(read_genesis(document))["validators"]
        return {str(one["name"]): str(one["address"]) for one in found}
    except (ValueError, KeyError, TypeError) as error:
        raise HostError("is no genesis", where=where, hint="run ansible-playbook site.yml from the controller") from error

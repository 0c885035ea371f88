"""Leases on this host's ledger: read with nothing left out, and written in the name of this node's organisation."""

import json
import time
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError, InputError, NodeopsError, Timeout
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.cometbft.kept import read_genesis
from nodeops.ledger.cosmos.codec import FormError, decode
from nodeops.ledger.cosmos.group_state import STORE, Policy, policy_key
from nodeops.ledger.cosmos.revision import read_mark
from nodeops.quorum.lease import kept
from nodeops.quorum.lease.entries import KEY, Step, memo_of
from nodeops.quorum.lease.policy import Reading, each_alone
from nodeops.quorum.lease.promised import for_node
from nodeops.quorum.lease.terms import terms_of
from nodeops.quorum.policy import Leases, Standing
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.backend import knows_authors, open_backend, open_pen
from nodeops.records.index import DamagedIndexError
from nodeops.records.statements import Stated, seconds_of

# Who asks at the gate waits for so long while this host reads for the first time what authors wrote; what was read is kept.
_READ_SECONDS = 60.0
_FILE = "leases.json"
# Of what was judged so many are remembered, and of an author so many looked at where not all could be read.
_MOST_JUDGED, _MOST_NEWEST = 10_000, 200


class LeaseStore:
    """The book of leases behind this host's own node, which need not be honest. Raise InputError on a ledger without authors."""

    def __init__(self, document: NodeDocument, store: AuthorStore, pen: AuthorPen | None = None) -> None:
        self.document, self.store, self.pen = document, store, pen
        rule = load_profile(document.ledger.platform).quorum
        self.terms = terms_of(document.members, rule, store.logs.authors.values())
        self.file, self.genesis = Path(document.paths["records_state"]) / _FILE, store.logs.index.genesis
        self.pages = kept.opened(self.file, self.genesis, self.terms)
        self.judged: dict[str, str] = {}
        self.until, store.on_number = time.monotonic() + _READ_SECONDS, self._in_time

    def _in_time(self) -> None:
        if time.monotonic() > self.until:
            raise Timeout(f"not all was read within {_READ_SECONDS:g} s; the next time goes on from there", where="leases")

    def read(self) -> Reading:
        """Return who holds what now. Raise as `AuthorStore.again` does, Timeout where there is more than a minute to read:
        what was read stays, and the next time goes on from there."""
        self.until = time.monotonic() + _READ_SECONDS
        frontier = self.store.again()
        self._judge_new(frontier.height)
        return Reading(self.pages.book, frontier.height, seconds_of(frontier.time), self.judged, self._outdated(frontier.height))

    def known(self, why: str) -> Reading:
        """Return what is known of leases where not all can be read, and why: power is left to those, and nobody gets a right.

        Raise HostError when the node does not answer.
        """
        seen, newest = self.store.driver.status(), self.store.newest_said(KEY, self.pages.after, _MOST_NEWEST)
        now = seconds_of(seen.block_time.isoformat()) if seen.block_time else 0
        return Reading(each_alone(self.pages.book, newest), seen.height, now, {}, why)

    def _judge_new(self, height: int) -> None:
        """Judge what came since, each entry once. One that was begun goes on the next time, where `on_number` ends it."""
        before = self.pages.after
        try:
            self._judge(height)
        except DamagedIndexError:
            self.store.logs.index.renew()
            self.store.again()
            self._judge(height)
        finally:
            if self.pages.after != before:
                kept.keep(self.file, self.genesis, self.pages)

    def _judge(self, height: int) -> None:
        for one in self.store.said_after(KEY, self.pages.after):
            if one.height > height:
                return
            self.judged[one.hash] = self.pages.book.add(one)
            self.pages.after = (one.height, one.place)
            if len(self.judged) > _MOST_JUDGED:
                del self.judged[next(iter(self.judged))]
            self.store.on_number()

    def _outdated(self, height: int) -> str:
        """Return that a newer revision is in force than this host's, "" while none is: the chain's own word, proven."""
        value, own = self.store.logs.state.value(STORE, policy_key(), height), self.document.revision
        try:
            mark = read_mark(decode(Policy, value).text) if value else None
        except FormError as error:
            raise HostError(f"the chain's state {error}", where=f"height {height}", hint="found it with this version") from error
        if mark is None or mark.revision <= own:
            return ""
        return f"revision {mark.revision} is in force, and this host is made by revision {own}: run site.yml"

    def write(self, step: Step, timeout_seconds: float) -> Stated:
        """Put an entry on the ledger, and return it where it stands. Raise Timeout when no block takes it."""
        if self.pen is None:
            raise ValueError("leases were opened to be read only")
        self.until = time.monotonic() + timeout_seconds + _READ_SECONDS
        return self.pen.state(KEY, memo_of(step), timeout_seconds)


def open_leases(document: NodeDocument) -> LeaseStore:
    """Return the book to read from. Raise InputError on a ledger without authors, HostError as records do."""
    store = open_backend(document) if knows_authors(document) else None
    if not isinstance(store, AuthorStore):
        raise _no_authors(document)
    return LeaseStore(document, store)


def open_leases_to_write(document: NodeDocument) -> tuple[LeaseStore, AuthorPen]:
    """Return the book, and the pen of this node. Raise as `open_leases`, HostError without a key."""
    if knows_authors(document):
        store, pen = open_pen(document, None, lambda: None)
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
    try:
        read = _read_or_known(open_leases(document))
        return for_node(read, document.node.name, {**validators_by_name(document), document.node.name: seen.own}, seen)
    except NodeopsError as error:
        return Leases(unsure=error.what)


def _read_or_known(store: LeaseStore) -> Reading:
    try:
        return store.read()
    except NodeopsError as error:
        return store.known(error.what)


def validators_by_name(document: NodeDocument) -> dict[str, str]:
    """Return the addresses of validators that this host knows the names of: the founders'. Raise HostError without a genesis."""
    where = document.ledger.paths["genesis"]
    try:
        found: Any = json.loads(read_genesis(document))["validators"]
        return {str(one["name"]): str(one["address"]) for one in found}
    except (ValueError, KeyError, TypeError) as error:
        raise HostError("is no genesis", where=where, hint="run ansible-playbook site.yml from the controller") from error

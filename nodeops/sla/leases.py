"""The leases that a contract's provider had on its nodes in a period, as the ledger granted them."""

from collections.abc import Callable

from nodeops.core.errors import HostError
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.quorum.lease.entries import KEY
from nodeops.quorum.lease.history import granted
from nodeops.quorum.lease.policy import Lease
from nodeops.quorum.lease.terms import terms_of
from nodeops.records.author_store import AuthorStore
from nodeops.records.backend import open_backend
from nodeops.records.index import DamagedIndexError
from nodeops.records.statements import Stated
from nodeops.sla.contract import Contract
from nodeops.sla.period import Period


def leases_of(
    document: NodeDocument, contract: Contract, period: Period, last_height: int, on_number: Callable[[], object]
) -> list[Lease]:
    """Return them in the ledger's order: nothing is left out up to a height, and nothing from above it is there.

    `on_number` is told of each transaction read. Raise HostError as records do, also where this node does not show all of them.
    """
    store = open_backend(document, on_number)
    if not isinstance(store, AuthorStore):
        return []
    read = store.again().height
    if read < last_height:
        raise HostError(f"leases are known up to block {read}, not {last_height}", where="leases", hint="run it again")
    terms = terms_of(document.members, load_profile(document.ledger.platform).quorum, store.logs.authors.values())
    entries = [one for one in _entries(store) if one.height <= last_height]
    return [one for one in granted(entries, terms) if _matters(one, contract, period)]


def _entries(store: AuthorStore) -> list[Stated]:
    try:
        return list(store.said_after(KEY, (0, 0)))
    except DamagedIndexError:
        store.logs.index.renew()
        store.again()
        return list(store.said_after(KEY, (0, 0)))


def _matters(one: Lease, contract: Contract, period: Period) -> bool:
    own = one.organisation == contract.provider and one.node in contract.service.nodes
    return own and one.since < period.end and one.until > period.start

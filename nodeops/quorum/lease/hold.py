"""Hold a lease on this host's node for work that takes long, where the ledger has leases, and give it back."""

from collections.abc import Callable

from nodeops.core.errors import NodeopsError
from nodeops.document.models import NodeDocument
from nodeops.quorum.lease.entries import Acquire, Release
from nodeops.quorum.lease.store import open_leases_to_write
from nodeops.records.backend import knows_authors

_WRITE_SECONDS = 60.0
SHOWS_LESS = "this node shows less of the ledger than a moment ago"


def begin(document: NodeDocument, seconds: int, reason: str, report: Callable[[str], None]) -> bool:
    """Acquire a lease on this host's node. Tell whether there is a new one, which `end` gives back.

    Without one the work may go on: the gate decides. So where it is not granted or cannot be written, that is reported, no more.
    """
    if not knows_authors(document):
        return False
    report("acquiring a lease")
    node, organisation = document.node.name, document.node.organisation
    try:
        store, pen = open_leases_to_write(document)
        with pen.alone(_WRITE_SECONDS):
            read = store.read()
            step = Acquire(node=node, seconds=seconds, reason=reason, after=read.height)
            why = read.book.objection(step, organisation, read.now)
            if not why:
                entry = store.write(step, _WRITE_SECONDS)
                why = store.read().judged.get(entry.hash, SHOWS_LESS)
    except NodeopsError as error:
        why = error.what
    if why:
        report(f"no lease: {why}")
    return not why


def end(document: NodeDocument, reason: str, report: Callable[[str], None]) -> None:
    """Release the lease on this host's node that `begin` acquired for a reason; one that somebody else has by now stays.

    One that cannot be released ends by itself, which is reported.
    """
    try:
        store, pen = open_leases_to_write(document)
        with pen.alone(_WRITE_SECONDS):
            read = store.read()
            held = read.book.of(document.node.name, read.now)
            if held and (held.author, held.reason) == (document.node.name, reason):
                store.write(Release(node=document.node.name, after=read.height), _WRITE_SECONDS)
    except NodeopsError as error:
        report(f"the lease was not released, and ends by itself: {error.what}")

"""What the verbs of leases answer. Pure."""

from collections.abc import Sequence
from typing import Any

from nodeops.core.result import Table
from nodeops.quorum.lease.bounds import DAILY_SECONDS
from nodeops.quorum.lease.policy import Lease, Reading
from nodeops.quorum.lease.promised import shown_time


def lease_data(lease: Lease) -> dict[str, Any]:
    """Return a lease for machines."""
    return {**vars(lease), "since_time": shown_time(lease.since), "until_time": shown_time(lease.until)}


def lease_table(leases: Sequence[Lease], now: int) -> list[Table]:
    """Return the leases that hold for people, first in the ledger's order first; nothing where there is none."""
    rows = [
        (one.node, one.organisation, one.author, shown_time(one.until), spoken(one.until - now), str(one.power), one.reason)
        for one in leases
    ]
    columns = ("node", "organisation", "asked by", "until (block time)", "left", "power", "reason")
    return [Table(columns, rows)] if rows else []


def reading_data(read: Reading) -> dict[str, Any]:
    """Return up to where leases were read, and the terms they were judged by."""
    terms = read.book.terms
    organisations = sorted(set(terms.owners.values()))
    return {
        "height": read.height,
        "time": shown_time(read.now),
        "leases": [lease_data(one) for one in read.book.live(read.now)],
        "leases_of_other_terms": [lease_data(one) for one in read.book.elsewhere(read.now)],
        "terms": terms.name,
        "unsure": read.unsure or read.book.doubted(read.now),
        "spare_power": terms.spare,
        "share_power": terms.share,
        "daily_seconds": DAILY_SECONDS,
        "used_seconds": {name: read.book.used(name, read.now) for name in organisations},
    }


def spoken(seconds: int) -> str:
    """Return a duration as people read it."""
    hours, rest = divmod(max(0, seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"

"""What leases mean for one node at the gate. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from nodeops.quorum.lease.policy import Lease, Reading
from nodeops.quorum.policy import Leases, Reserved, Standing


def for_node(read: Reading, node: str, addresses: Mapping[str, str], seen: Standing) -> Leases:
    """Return whose power a node must leave to others, and since when it has a lease itself.

    `addresses` are validators by name. A node that is known not to sign is counted as gone by whoever counts votes, so its lease
    takes no more; one whose address nobody told is taken to sign. Where others may read another book, this node's lease gives it
    no right: in theirs it may have none.
    """
    own = read.book.of(node, read.now)
    held = [one for one in read.book.reserved(read.now) if one.node != node and _signs(one, addresses, seen)]
    others = [one for one in (_reserved(lease, own, addresses, seen) for lease in held) if one.power]
    unsure = read.unsure or read.book.doubted(read.now)
    return Leases(others, own.height if own and not unsure else None, unsure)


def _signs(one: Lease, addresses: Mapping[str, str], seen: Standing) -> bool:
    address = addresses.get(one.node)
    return address not in seen.powers or address in seen.live


def _reserved(one: Lease, own: Lease | None, addresses: Mapping[str, str], seen: Standing) -> Reserved:
    power = seen.powers.get(addresses.get(one.node, ""), one.power)
    ahead = own is None or (one.height, one.place) < (own.height, own.place)
    return Reserved(one.node, one.organisation, shown_time(one.until), power, ahead)


def shown_time(seconds: int) -> str:
    """Return a block's time for people."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"

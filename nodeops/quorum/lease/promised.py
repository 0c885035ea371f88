"""What leases mean for one node at the gate. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from nodeops.quorum.lease.policy import Lease, Reading
from nodeops.quorum.policy import Leases, Reserved, Standing


def for_node(read: Reading, node: str, addresses: Mapping[str, str], seen: Standing) -> Leases:
    """Return whose power a node must leave to others, and since when it has a lease itself.

    `addresses` are validators by name. A node that is known not to sign is counted as gone by whoever counts votes, so its lease
    takes no more; one whose address nobody told is taken to sign.
    """
    live = read.book.live(read.now)
    own = next((one for one in live if one.node == node), None)
    others = [_reserved(one, own, addresses, seen) for one in live if one.node != node and _signs(one, addresses, seen)]
    return Leases([one for one in others if one.power], own.height if own else None)


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

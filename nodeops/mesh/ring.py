"""Who probes whom. Pure: every host comes to the same answer from the consortium file alone."""

import hashlib
from collections.abc import Collection

# Up to so many nodes each probes each other; in larger networks each probes so many others, and is probed by as many.
FULL_MESH_NODES = 12
RING_PEERS = 8


def peers(node: str, names: Collection[str]) -> list[str]:
    """Return the nodes that one probes, sorted.

    In a large network they are the next ones on a ring in the order of their names' SHA-256: neighbours in name or organisation
    are seldom neighbours there, and who joins or leaves changes the peers of its `RING_PEERS` predecessors alone.
    """
    others = set(names) - {node}
    if len(others) < FULL_MESH_NODES:
        return sorted(others)
    place = _place(node)
    ring = sorted(others, key=lambda name: (_place(name) < place, _place(name)))
    return sorted(ring[:RING_PEERS])


def _place(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()

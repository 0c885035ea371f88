"""Who probes whom."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.mesh.ring import FULL_MESH_NODES, RING_PEERS, peers

NAME = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
NAMES = st.sets(NAME, min_size=1, max_size=40)


@settings(max_examples=30)
@given(NAMES)
def test_small_networks_are_whole_and_large_ones_a_ring(names):
    asked = {name: peers(name, names) for name in names}
    most = min(len(names) - 1, len(names) - 1 if len(names) <= FULL_MESH_NODES else RING_PEERS)
    assert all(len(set(found)) == most and name not in found and set(found) <= names for name, found in asked.items())
    seen_by = Counter(peer for found in asked.values() for peer in found)
    assert set(seen_by.values()) <= {most}


@settings(max_examples=30)
@given(st.sets(NAME, min_size=FULL_MESH_NODES + 2, max_size=40))
def test_who_leaves_changes_the_peers_of_few(names):
    gone = min(names)
    changed = [name for name in names - {gone} if peers(name, names) != peers(name, names - {gone})]
    assert len(changed) == RING_PEERS

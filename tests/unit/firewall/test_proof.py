"""What the ledger must show before new rules are kept: peers that could be connected to before still can; real sockets."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from nodeops.core.errors import Timeout
from nodeops.firewall import proof
from tests.unit.firewall.samples import document

# All of 127.0.0.0/8 is this machine: one peer that listens, one that only ever comes itself.
OPEN, SHUT = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server((OPEN, 0)) as server:
        yield server


@pytest.fixture
def node(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A node whose ledger says of its peers what `said` says."""
    made, said = document(), SimpleNamespace(peers=[OPEN, SHUT], height=7)
    p2p = made.ledger.ports["p2p"].model_copy(update={"port": listening.getsockname()[1]})
    ledger = made.ledger.model_copy(update={"ports": {"p2p": p2p}})
    driver = SimpleNamespace(
        peers=lambda: [SimpleNamespace(address=one) for one in said.peers], status=lambda: SimpleNamespace(height=said.height)
    )
    monkeypatch.setattr(proof, "driver_for", lambda _: driver)
    monkeypatch.setattr(proof, "moving_height", lambda _: said.height)
    said.document = made.model_copy(update={"ledger": ledger})
    return said


def test_a_member_that_lets_nobody_connect_is_not_in_the_way_of_our_rules(tmp_path, node) -> None:
    proof.remember(node.document, tmp_path)
    node.height += 1
    proof.require_proof(node.document, proof.recalled(tmp_path))


def test_a_peer_that_could_be_connected_to_before_must_be_still(tmp_path, node, listening) -> None:
    proof.remember(node.document, tmp_path)
    node.height += 1
    listening.close()
    with pytest.raises(Timeout, match=f"no new connection to peer {OPEN} port"):
        proof.require_proof(node.document, proof.recalled(tmp_path))


def test_a_peer_that_is_lost_and_a_height_that_stands_are_named(tmp_path, node) -> None:
    proof.remember(node.document, tmp_path)
    node.peers = [OPEN]
    with pytest.raises(Timeout, match="still at height 7; 1 peers, there were 2"):
        proof.require_proof(node.document, proof.recalled(tmp_path))


def test_what_was_remembered_by_an_older_agent_is_read_too(tmp_path) -> None:
    (tmp_path / "before.json").write_text('{"peers": ["192.0.2.1"], "height": 3}')
    assert proof.recalled(tmp_path) == proof.Before(["192.0.2.1"], 3, [])

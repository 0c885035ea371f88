"""Leases read through a node that need not be honest: what a real ledgerd answered, told again, and told wrong."""

from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.quorum.lease import store
from nodeops.quorum.policy import Leases, Standing
from tests.unit.ledger.network_made import document as sample_document
from tests.unit.records.author_chain import told
from tests.unit.records.test_author_lies import kept_back
from tests.unit.records.test_author_verbs import node
from tests.unit.records.test_authors import impatient

__all__ = ["impatient"]
SEEN = Standing(20, True, "AB" * 20, {"AB" * 20: 1}, frozenset(["AB" * 20]))


def host(url: str, folder: Path) -> NodeDocument:
    return load_node_document(node(url, folder))


@pytest.fixture(autouse=True)
def genesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded keeps of the genesis only what proofs need: no names."""
    monkeypatch.setattr(store, "validators_by_name", lambda _: {})


def test_a_chain_without_leases_reads_as_none(tmp_path: Path) -> None:
    with told() as url:
        assert store.leases_for(host(url, tmp_path), SEEN) == Leases([])


def test_a_node_that_keeps_something_back_is_no_proof_that_there_is_no_lease(tmp_path: Path) -> None:
    with told(kept_back("alpha-1", 2)) as url:
        found = store.leases_for(host(url, tmp_path), SEEN)
    assert not found.others
    assert "wrote a transaction number 2 that this node does not show" in found.unsure


def test_the_gate_does_not_wait_for_ever_and_what_was_read_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with told() as url:
        document = host(url, tmp_path)
        monkeypatch.setattr(store, "_READ_SECONDS", -1.0)
        answers = [store.leases_for(document, SEEN).unsure for _ in range(20)]
    assert "not all was read within" in answers[0]
    assert answers[-1] == ""


def test_a_ledger_that_does_not_answer_and_one_without_authors(tmp_path: Path) -> None:
    with told() as url:
        document = host(url, tmp_path)
    assert "connection refused" in store.leases_for(document, SEEN).unsure.lower()
    assert store.leases_for(sample_document(tmp_path, 1), SEEN) == Leases()


def test_the_founders_are_known_by_name_and_what_is_no_genesis_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    document = sample_document(tmp_path, 1)
    genesis = Path(document.ledger.paths["genesis"])
    genesis.write_text('{"validators":[{"name":"a","address":"AB","power":"1"}]}')
    assert store.validators_by_name(document) == {"a": "AB"}
    for text in ("{}", "no", '{"validators":7}', '{"validators":[{"name":"a"}]}'):
        genesis.write_text(text)
        with pytest.raises(HostError, match="is no genesis"):
            store.validators_by_name(document)

"""A key to sign records with, where the ledger has authors: made once beside a node's other keys, for root alone."""

from dataclasses import replace

import pytest

from nodeops.core.errors import HostError
from nodeops.core.finding import Verdict
from nodeops.ledger.identity.files import Layout, ensure, replace_record_key
from nodeops.ledger.identity.findings import key_findings
from tests.unit.ledger.identity.test_files import at, binary, mode, shown

__all__ = ["at", "binary"]


@pytest.fixture
def author(at) -> Layout:
    return replace(at, record_key=at.keys / "record_key.pem")


def test_a_key_for_records_is_made_once_and_readable_for_root_alone(author, binary):
    changes = ensure(author, binary)
    assert [change.what for change in changes] == [str(author.keys), str(author.record_key)]
    first = shown(author).record_key
    assert (mode(author.record_key), len(first)) == (0o400, 44)
    assert ensure(author, binary) == []
    assert shown(author).record_key == first
    assert {finding.verdict for finding in key_findings(author)} == {Verdict.PASS}


def test_an_identity_without_one_gets_it_unless_members_know_the_node(at, author, binary):
    ensure(at, binary)
    assert ensure(author, binary, published="known") == []
    assert shown(author).record_key is None
    assert [change.what for change in ensure(author, binary, dry_run=True)] == [str(author.record_key)]
    assert not author.record_key.exists()
    ensure(author, binary)
    assert shown(author).model_copy(update={"record_key": None}) == shown(at)


SPOILED_PEM = {"empty": b"", "no PEM": b"secret", "half": b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIsecret\n"}


@pytest.mark.parametrize("content", SPOILED_PEM.values(), ids=SPOILED_PEM)
def test_a_damaged_key_for_records_is_a_clear_error_without_the_key(author, binary, content):
    ensure(author, binary)
    author.record_key.chmod(0o600)
    author.record_key.write_bytes(content)
    with pytest.raises(HostError, match="is not an ed25519 private key in PEM") as caught:
        shown(author)
    assert "secret" not in str(caught.value)
    failing = {finding.id for finding in key_findings(author) if finding.verdict is Verdict.FAIL}
    assert failing == {"identity-file:record_key.pem", "identity-content:record_key.pem"}


def test_a_key_is_replaced_once_and_only_where_it_is_the_one_that_was_let_go(author, binary):
    ensure(author, binary)
    first = shown(author)
    assert [change.what for change in replace_record_key(author, first.record_key, dry_run=True)] == [str(author.record_key)]
    assert shown(author) == first
    assert replace_record_key(author, "another") == []
    assert replace_record_key(author, first.record_key)
    second = shown(author)
    assert second.record_key != first.record_key
    assert second.model_copy(update={"record_key": None}) == first.model_copy(update={"record_key": None})
    assert mode(author.record_key) == 0o400
    assert replace_record_key(author, first.record_key) == []
    assert shown(author) == second

"""Records on four nodes of ledgerd: each is its author's, any node proves whose, and one in another's name counts for nobody."""

import hashlib
import json
from typing import Any

import hosts
import members
import pytest
from hosts import NODES

from nodeops.ledger.cosmos.account import account
from nodeops.records.authored import memo_of, signed_record
from nodeops.records.versions import RecordValue

KEY = "/var/lib/ledger/keys/record_key.pem"


def wrote(node: str, name: str, content: str) -> str:
    hosts.must(node, f"printf %s {content} > /tmp/{name}")
    return f"/tmp/{name}"


def verified(node: str, file: str) -> dict[str, Any]:
    return hosts.verb(node, "record", "verify", file)


@pytest.mark.parametrize("node", NODES)
def test_a_key_for_records_is_roots_alone_and_the_ledger_never_has_it(node: str) -> None:
    assert hosts.must(node, f"stat -c '%a %U:%G' {KEY}").strip() == "400 root:root"
    assert "record_key" not in hosts.must(node, "systemctl show ledger.service -p LoadCredential --value")
    assert hosts.run(node, f"runuser -u ledger -- cat {KEY}").returncode != 0


def test_what_one_organisation_adds_another_proves_to_be_its(tmp_path: Any) -> None:
    added = hosts.verb("alpha-1", "record", "add", wrote("alpha-1", "charge.csv", "1"))
    assert added["changed"]
    found = verified("gamma-1", wrote("gamma-1", "charge.csv", "1"))
    version = found["records"][0]["version"]
    assert (version["organisation"], version["node"], version["signed"]["number"]) == ("alpha", "alpha-1", 0)
    assert found["whole_up_to"]["height"] >= version["block"]["height"]

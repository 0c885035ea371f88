"""Records on four nodes of ledgerd: each is its author's, any node proves whose, and one in another's name counts for nobody."""

import hashlib
import json
from typing import Any

import hosts
import members
import pytest
from hosts import NODES

from nodeops.records.authored import memo_of, signed_record
from nodeops.records.versions import RecordValue

KEY = "/var/lib/ledger/keys/record_key.pem"


def wrote(node: str, name: str, content: str) -> str:
    hosts.must(node, f"printf %s {content} > /tmp/{name}")
    return f"/tmp/{name}"


def verified(node: str, file: str, as_shown_by: str) -> dict[str, Any]:
    """Return what a node says of a file, once it has the blocks that another node had."""
    members.catch_up(node, hosts.verb(as_shown_by, "ledger", "wait", "--height", "1", "--timeout", "300")["height"])
    return dict(hosts.verb(node, "record", "verify", file))


@pytest.mark.parametrize("node", NODES)
def test_a_key_for_records_is_roots_alone_and_the_ledger_never_has_it(node: str) -> None:
    assert hosts.must(node, f"stat -c '%a %U:%G' {KEY}").strip() == "400 root:root"
    assert "record_key" not in hosts.must(node, "systemctl show ledger.service -p LoadCredential --value")
    assert hosts.run(node, f"runuser -u ledger -- cat {KEY}").code != 0


def test_what_one_organisation_adds_another_proves_to_be_its() -> None:
    added = hosts.verb("alpha-1", "record", "add", wrote("alpha-1", "charge.csv", "1"))
    assert added["changed"]
    found = verified("gamma-1", wrote("gamma-1", "charge.csv", "1"), as_shown_by="alpha-1")
    version = found["records"][0]["version"]
    assert (version["organisation"], version["node"], version["signed"]["number"]) == ("alpha", "alpha-1", 0)
    assert found["whole_up_to"]["height"] >= version["block"]["height"]


def test_an_application_writes_with_its_own_key_and_in_its_own_name_only() -> None:
    forged = RecordValue(sha256=hashlib.sha256(b"2").hexdigest(), size=1, organisation="gamma", node="gamma-1")
    tx = signed_record(
        members.key(members.BILLING), members.CHAIN, members.NUMBERS[members.BILLING], 0, memo_of("record/f.csv", forged)
    )
    done = members.sent("alpha-1", tx)
    assert (done["check_tx"]["code"], done["tx_result"]["code"]) == (0, 0), done
    file, found = wrote("gamma-1", "f.csv", "2"), {"whole_up_to": {"height": 0}}
    # What a block holds is proven by the next one.
    while found["whole_up_to"]["height"] < int(done["height"]):
        found = hosts.verb("gamma-1", "record", "verify", file, codes=(1,))
    assert [one["id"] for one in found["findings"]] == ["record.absent", "record.foreign_author"]
    assert "the key that signed it is of billing (beta)" in found["findings"][1]["actual"]
    hosts.must("beta-1", "umask 077; cat > /tmp/billing.pem", given=members.pem(members.BILLING))
    hosts.verb("beta-1", "record", "add", wrote("beta-1", "f.csv", "2"), "--signing-key", "/tmp/billing.pem")
    version = verified("gamma-1", "/tmp/f.csv", as_shown_by="beta-1")["records"][0]["version"]
    assert (version["organisation"], version["node"], version["signed"]["number"]) == ("beta", "billing", 1)


def test_three_organisations_at_once_lose_nothing() -> None:
    nodes = ("alpha-1", "beta-1", "gamma-1")
    hosts.at_once(
        lambda node: hosts.must(node, f"mkdir -p /tmp/many; for n in $(seq 20); do echo {node} $n > /tmp/many/{node}-$n; done"),
        nodes,
    )
    added = hosts.at_once(lambda node: json.loads(hosts.must(node, "nodeops record add /tmp/many/* --json")), nodes)
    assert {one["plan"] for answer in added.values() for one in answer["records"]} == {"add"}
    again = hosts.at_once(lambda node: json.loads(hosts.must(node, "nodeops record verify /tmp/many/* --json")), nodes)
    assert [one["standing"] for answer in again.values() for one in answer["records"]] == ["matches"] * 60


def test_a_node_that_is_restarted_meanwhile_is_waited_for() -> None:
    files = "mkdir /tmp/restarted; for n in $(seq 20); do echo $n > /tmp/restarted/r-$n; done"
    hosts.at_once(lambda node: hosts.must(node, files), ("alpha-2", "beta-1"))
    added = hosts.must("alpha-2", "(sleep 1; systemctl restart ledger.service) & nodeops record add /tmp/restarted/* --json")
    assert [one["plan"] for one in json.loads(added)["records"]] == ["add"] * 20
    # It takes part again before this ends: who comes next counts on four validators.
    hosts.must("alpha-2", "nodeops lifecycle watch --blocks 5 --timeout 300")
    found = json.loads(hosts.must("beta-1", "nodeops record verify /tmp/restarted/* --json"))
    assert [(one["standing"], one["version"]["node"]) for one in found["records"]] == [("matches", "alpha-2")] * 20

"""Four nodes of ledgerd are nodes like any other, and one organisation alone changes nothing of the chain."""

import json
from typing import Any

import hosts
import members
import pytest
from hosts import NODES
from tier import FULL

from nodeops.ledger.cometbft.protowire import integer
from nodeops.ledger.cosmos.messages import YES, Vote, pack, schedule_upgrade, self_send

GROUP = integer(1, 1)
RULED = {
    "/cosmos.group.v1.Query/GroupInfo": GROUP,
    "/cosmos.group.v1.Query/GroupMembers": GROUP,
    "/cosmos.group.v1.Query/GroupPoliciesByGroup": GROUP,
    "/cosmos.upgrade.v1beta1.Query/CurrentPlan": b"",
}


def ruled(node: str) -> dict[str, bytes]:
    return {path: members.asked(node, path, question) for path, question in RULED.items()}


@pytest.mark.parametrize("node", NODES)
def test_a_node_runs_what_is_configured_and_takes_part(node: str) -> None:
    """Unit, program, sockets (no gRPC, no REST, no profiler), exposure, keys; and it votes."""
    hosts.verb(node, "ledger", "verify")
    found = hosts.verb(node, "status")
    assert not [finding for finding in found["findings"] if finding["verdict"] == "fail"], found


def test_every_node_has_the_same_genesis_and_it_is_the_controllers() -> None:
    sums = {hosts.must(node, "sha256sum < /var/lib/ledger/config/genesis.json") for node in NODES}
    assert len(sums) == 1
    assert json.loads((hosts.SCENARIO / "genesis.json").read_text())["app_state"]["group"]["group_seq"] == "1"


@pytest.mark.skipif(
    not FULL, reason="of seven nodes of this application in tests/lab/test_network.py: a release has it here, too"
)
def test_verify_is_green() -> None:
    done = hosts.play("verify.yml")
    assert done.returncode == 0, done.stdout[-3000:]


def test_its_log_is_read() -> None:
    found = hosts.must("alpha-1", "nodeops logs show --module consensus --since -1m")
    assert found.count(chr(34) + "module" + chr(34)) > 3


def test_a_member_writes_without_a_fee_and_a_stranger_does_not() -> None:
    done = members.sent("alpha-1", members.transaction("gamma", 0, self_send(members.address("gamma"))))
    assert (done["check_tx"]["code"], done["tx_result"]["code"]) == (0, 0), done
    members.NUMBERS["stranger"] = 9
    refused = members.sent("alpha-1", members.transaction("stranger", 0, self_send(members.address("stranger"))))
    assert refused["check_tx"]["code"] != 0


ALONE = {
    "a member removed": lambda: members.removal_of("gamma"),
    "an upgrade": lambda: schedule_upgrade("next", 1_000_000),
}


def test_one_alone_changes_nothing_and_two_of_three_do() -> None:
    before = ruled("alpha-1")
    for sequence, content in enumerate(ALONE.values()):
        done = members.sent("alpha-1", members.transaction("alpha", sequence, members.proposal("alpha", content())))
        assert (done["check_tx"]["code"], done["tx_result"]["code"]) == (0, 0), done
        assert ruled("alpha-1") == before
    # Alone in the policy's name: not its signature.
    forged = members.sent("alpha-1", members.transaction("alpha", len(ALONE), schedule_upgrade("next", 1_000_000)))
    assert forged["check_tx"]["code"] != 0
    done = members.sent("beta-1", members.transaction("beta", 0, pack(Vote(2, members.address("beta"), YES))))
    assert (done["check_tx"]["code"], done["tx_result"]["code"]) == (0, 0), done
    # A node has a block a moment before it has computed it.
    members.catch_up("gamma-1", int(done["height"]) + 1)
    after = ruled("gamma-1")
    changed = [path for path in RULED if after[path] != before[path]]
    assert changed == ["/cosmos.upgrade.v1beta1.Query/CurrentPlan"]


def test_a_node_is_restarted_through_the_gate_and_comes_back() -> None:
    was = hosts.must("beta-1", "systemctl show -p MainPID --value ledger.service")
    # Its turn may be eighty blocks away.
    answer: Any = hosts.verb("beta-1", "lifecycle", "restart", seconds=1200)
    assert answer["changed"], answer
    assert hosts.must("beta-1", "systemctl show -p MainPID --value ledger.service") != was
    hosts.verb("beta-1", "ledger", "verify")

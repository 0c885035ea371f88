"""Four validators become seven and four again, an organisation comes in and another goes, no key of the first day is left.

Each organisation works at its own controller, three must agree on each step, and two nodes write records all the time. After each
step `verify` is green. The tests are one story, in this order.
"""

from typing import Any

import gaps
import hosts
import steady
from chapters import (
    FOUNDERS,
    LEFT_OUT,
    NEWCOMERS,
    PARTS,
    PATIENCE_SECONDS,
    Story,
    all_vote,
    decide,
    digest_said,
    enlist,
    exchange,
    height,
    make,
    powers,
    renewed_key,
    retire,
    take_turns,
    verify,
    welcome,
)
from members import Controller, account, each

# By which the product itself says that a chain stands: nodeops/ledger/node/status.py.
STANDS_SECONDS = 30
RENEWED = ("alpha", "beta", "gamma")
FIRST_WRITERS, LAST_WRITERS = ("alpha-1", "gamma-1"), ("alpha-2", "gamma-2")


def invite(tree: dict[str, Any]) -> None:
    tree["organisations"]["epsilon"] = {"account": account("epsilon")}
    tree["nodes"] |= {name: hosts.declared("nodes", name) for name in NEWCOMERS}


def admit(tree: dict[str, Any], *nodes: str) -> None:
    for node in nodes:
        tree["nodes"][node] |= {"duty": "validator", "power": 1}


def admit_and_renew_accounts(tree: dict[str, Any]) -> None:
    admit(tree, "beta-2", "gamma-2")
    for name in RENEWED:
        tree["organisations"][name]["account"] = account(f"{name} renewed")


def let_keys_go(tree: dict[str, Any], node: str, keys: dict[str, Any], until: int) -> None:
    tree["nodes"][node]["former_node_id"] = keys["node_id"]
    tree.setdefault("former", []).append(former(node, keys, until))


def former(node: str, keys: dict[str, Any], until: int) -> dict[str, Any]:
    return {"organisation": node.split("-")[0], "name": node, "record_key": keys["record_key"], "until": until}


def dissolve_delta(tree: dict[str, Any]) -> None:
    del tree["nodes"]["delta-1"], tree["organisations"]["delta"]


def dismiss(tree: dict[str, Any], keys: dict[str, dict[str, Any]], until: int) -> None:
    for node in keys:
        del tree["nodes"][node]
        tree["former"].append(former(node, keys[node], until))


def identity(node: str) -> dict[str, Any]:
    return dict(hosts.verb(node, "ledger", "identity"))


def test_four_organisations_found_a_chain(story: Story) -> None:
    members = list(story.members.values())
    for done in each(members, lambda one: one.plays("site.yml", "--tags", "ledger")).values():
        assert done.returncode != 0
        assert "must publish it" in done.stdout, done.stdout[-3000:]
    exchange(members)
    said = each(members, lambda one: one.plays("site.yml", "--check", "--tags", "ledger"))
    (digest,) = {digest_said(done.stdout) for done in said.values()}
    for one in members:
        one.chooses(nodeops_genesis=digest)
    make(members, "--skip-tags", LEFT_OUT)
    all_vote("alpha-1", *FOUNDERS, story=story)
    story.first_day |= {node: identity(node) for node in FOUNDERS}
    verify(members)
    steady.begin(*FIRST_WRITERS)


def test_an_organisation_comes_in_and_four_nodes_begin_as_witnesses(story: Story) -> None:
    decide(take_turns(story, "alpha"), invite)
    alpha = story.members["alpha"]
    story.members["epsilon"] = Controller(alpha.folder.parent, "epsilon", {})
    welcome(story.members["epsilon"], alpha)
    for done in each(map(story.of, NEWCOMERS), lambda one: one.plays("site.yml", "--tags", "ledger")).values():
        assert done.returncode != 0
        assert "must publish it" in done.stdout, done.stdout[-3000:]
    exchange(story.members.values())
    make(story.members.values(), "--skip-tags", LEFT_OUT)
    for node in NEWCOMERS:
        enlist(story, node)
    all_vote("epsilon-1", *FOUNDERS, story=story)
    verify(story.members.values())


def test_five_validators(story: Story) -> None:
    decide(take_turns(story, "delta"), lambda tree: admit(tree, "alpha-2"))
    all_vote("gamma-1", *FOUNDERS, "alpha-2", story=story)
    make(story.members.values(), "--tags", PARTS)
    verify(story.members.values())


def test_seven_validators_and_other_keys_of_three_organisations(story: Story) -> None:
    decide(take_turns(story, "gamma"), admit_and_renew_accounts)
    for name in RENEWED:
        renewed_key(story.members[name])
    all_vote("delta-1", *FOUNDERS, "alpha-2", "beta-2", "gamma-2", story=story)
    make(story.members.values(), "--tags", PARTS)
    verify(story.members.values())


def test_an_organisation_leaves_as_another_gets_power_and_two_keys_of_a_node_are_replaced(story: Story) -> None:
    before, until = identity("beta-2"), height()

    def change(tree: dict[str, Any]) -> None:
        dissolve_delta(tree)
        admit(tree, "epsilon-1")
        let_keys_go(tree, "beta-2", before, until)

    decide(take_turns(story, "epsilon"), change)
    delta, validators = story.members.pop("delta"), [*FOUNDERS[:3], *NEWCOMERS]
    all_vote("epsilon-1", *validators, story=story)
    hosts.verb("alpha-2", "ledger", "wait", "--blocks", "2", "--timeout", str(PATIENCE_SECONDS))
    # Before the others cut it off: nobody else of delta's is left to ask.
    retire(delta, "delta-1")
    # The node's own organisation first: the others need its new identity.
    make([story.members["beta"]], "--tags", PARTS)
    exchange(story.members.values())
    make(story.members.values(), "--tags", PARTS)
    after = identity("beta-2")
    assert after["validator_key"] == before["validator_key"]
    assert not {after["node_id"], after["record_key"]} & {before["node_id"], before["record_key"]}
    hosts.must("alpha-1", "nodeops record account beta-2")
    hosts.must("beta-2", "echo new > /tmp/by-another-key && nodeops record add /tmp/by-another-key")
    all_vote("epsilon-1", *validators, story=story)
    verify(story.members.values())


def test_four_validators_again_and_the_hosts_of_three_are_retired(story: Story) -> None:
    for writer, newcomer in zip(FIRST_WRITERS, LAST_WRITERS, strict=True):
        hosts.must(writer, f"nodeops record account {newcomer}")
    steady.begin(*LAST_WRITERS)
    steady.end(*FIRST_WRITERS)
    for node in FIRST_WRITERS:
        story.taken[node], story.refused[node] = steady.numbers(node, "taken"), len(steady.numbers(node, "refused"))
    hosts.verb("alpha-2", "ledger", "wait", "--blocks", "2", "--timeout", str(PATIENCE_SECONDS))
    old, until = {node: identity(node) for node in FOUNDERS[:3]}, height()
    decide(take_turns(story, "beta"), lambda tree: dismiss(tree, old, until))
    all_vote("epsilon-1", *NEWCOMERS, story=story)
    make(story.members.values(), "--tags", PARTS)
    each([story.of(node) for node in old], lambda one: retire(one, f"{one.name}-1"))
    verify(story.members.values())


def test_no_key_of_the_first_day_is_left(story: Story) -> None:
    for kind in ("node_id", "validator_address", "record_key"):
        today = {identity(node)[kind] for node in NEWCOMERS}
        assert not today & {one[kind] for one in story.first_day.values()}
    assert len(powers("epsilon-1")) == 4
    tree = hosts.declared("organisations")
    founded = {tree[node.split("-")[0]]["account"] for node in FOUNDERS}
    for one in story.members.values():
        assert not founded & {member.get("account") for member in one.tree["organisations"].values()}


def test_no_record_was_lost_nobody_signed_twice_and_the_chain_never_stood(story: Story) -> None:
    steady.end(*LAST_WRITERS)
    for node in LAST_WRITERS:
        story.taken[node], story.refused[node] = steady.numbers(node, "taken"), len(steady.numbers(node, "refused"))
    hosts.verb("epsilon-1", "ledger", "wait", "--blocks", "3", "--timeout", str(PATIENCE_SECONDS))
    proven = {node: steady.proven(node, taken, "epsilon-1") for node, taken in story.taken.items()}
    told = ", ".join(f"{node}: {len(taken)} taken, {story.refused[node]} refused" for node, taken in story.taken.items())
    gap = gaps.gap("epsilon-1", 2)
    story.told.append(f"records: {told}; proven by epsilon-1: {sum(proven.values())}; all of the story: {gap}")
    assert proven == {node: len(taken) for node, taken in story.taken.items()}
    assert min(proven.values()) > 3
    assert gaps.with_evidence("epsilon-1") == []
    assert gap.longest < STANDS_SECONDS

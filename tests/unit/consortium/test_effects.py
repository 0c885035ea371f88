"""What a revision changes, and which revisions may not even be proposed: tables of cases."""

import pytest

from nodeops.consortium.effects import beside, effects
from nodeops.consortium.outlook import consequences, power_table
from nodeops.consortium.rules import judged
from nodeops.core.finding import Verdict
from nodeops.document.profile import load_profile
from tests.unit.consortium.samples import (
    account,
    admit,
    changed,
    drop,
    first,
    ledger,
    organisation,
    power,
    retire,
    threshold,
    tree,
    without,
    witness,
)
from tests.unit.ledger.made_keys import pair

PROFILE = load_profile("cosmos")
KEY = {name: pair(name)[1] for name in ("delta", "gamma", "other")}

EFFECTS = {
    "nothing": ([], []),
    "a fifth validator": ([admit("beta-2")], ["validator in: beta-2 (power 1)"]),
    "more power": ([power("beta-1", 2)], ["power: beta-1 (1 -> 2)"]),
    "a validator that stays as a witness": ([retire("alpha-2")], ["validator out: alpha-2 (power 1)"]),
    "a validator that goes": ([drop("alpha-2")], ["validator out: alpha-2 (power 1)"]),
    "an organisation in": ([organisation("delta")], [f"organisation in: delta ({KEY['delta']})"]),
    "an organisation out with its node": (
        [without("gamma"), drop("gamma-1")],
        ["validator out: gamma-1 (power 1)", f"organisation out: gamma ({KEY['gamma']})"],
    ),
    "another key": ([account("gamma", "other")], [f"account: gamma ({KEY['gamma']} -> {KEY['other']})"]),
    "a threshold": ([threshold(3)], ["threshold: organisations that must agree (2 -> 3)"]),
    "a threshold by count": (
        [lambda new: new.pop("threshold"), organisation("delta")],
        [f"organisation in: delta ({KEY['delta']})", "threshold: organisations that must agree (2 -> 3)"],
    ),
    "a version": ([ledger(version="v0.2.0")], ["upgrade: cosmos (v0.1.0 -> v0.2.0)"]),
    "a version that may run beside the old one": ([ledger(version="v0.1.1")], []),
    "an address": ([lambda new: new["nodes"]["beta-1"].update(address="192.0.2.77")], []),
}


@pytest.mark.parametrize(("changes", "expected"), EFFECTS.values(), ids=EFFECTS)
def test_what_the_chain_must_be_told(changes, expected):
    assert [str(one) for one in effects(first(), changed(*changes))] == expected


def test_what_is_beside_the_chain_is_named_and_nothing_twice():
    new = changed(admit("beta-2"), threshold(3), witness("gamma-2", "gamma"), account("gamma", "other"))
    assert [key for key, _, _ in beside(first(), new)] == ["nodes.gamma-2"]
    assert [key for key, _, _ in beside(first(), changed(lambda new: new["nodes"]["beta-1"].update(site="hall")))] == [
        "nodes.beta-1.site"
    ]


def failing(old, new) -> set[str]:
    return {one.id for one in judged(old, new, PROFILE) if one.verdict is Verdict.FAIL}


def warned(old, new) -> set[str]:
    return {one.id for one in judged(old, new, PROFILE) if one.verdict is Verdict.WARN}


ALLOWED = {
    "nothing but the number": [],
    "a fifth validator": [admit("beta-2")],
    "a witness": [witness("gamma-2", "gamma")],
    "a validator out": [retire("alpha-2")],
    "an organisation in": [organisation("delta")],
    "a version": [ledger(version="v0.2.0")],
    "another key for peers of a node": [lambda new: new["nodes"]["alpha-1"].update(former_node_id="1" * 40)],
}


@pytest.mark.parametrize("changes", ALLOWED.values(), ids=ALLOWED)
def test_what_may_be_proposed(changes):
    assert failing(first(), changed(*changes)) == set()


REFUSED = {
    "a validator that was never a witness": (
        [witness("gamma-2", "gamma"), admit("gamma-2")],
        "revision.newcomer",
    ),
    "so much power that what votes now is not enough": ([admit("beta-2", 2)], "revision.quorum"),
    "another chain": ([ledger(chain="other-1")], "revision.chain"),
    "another genesis time": ([ledger(genesis_time="2026-01-31T08:00:00Z")], "revision.chain"),
    "another platform": ([ledger(platform="cometbft")], "revision.chain"),
    "a node that changes hands": ([lambda new: new["nodes"]["beta-2"].update(organisation="gamma")], "revision.moved"),
    "one that commits alone": ([power("alpha-1", 4), power("alpha-2", 3)], "revision.alone"),
    "one that decides alone": ([threshold(1)], "revision.decision"),
    "an upgrade and something else": ([ledger(version="v0.2.0"), threshold(3)], "revision.upgrade"),
    "other keys for peers of two nodes": (
        [lambda new: [new["nodes"][name].update(former_node_id="1" * 40) for name in ("alpha-1", "beta-1")]],
        "revision.peers",
    ),
    "a number left out": ([lambda new: new.update(revision=3)], "revision.number"),
    "the number in force": ([lambda new: new.update(revision=1)], "revision.number"),
    "no validator": ([retire(name) for name in ("alpha-1", "alpha-2", "beta-1", "gamma-1")], "revision.quorum"),
}


@pytest.mark.parametrize(("changes", "name"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_be_proposed(changes, name):
    assert name in failing(first(), changed(*changes))


WARNED = {
    "all must agree": ([threshold(3)], "revision.decision"),
    "two halves": ([organisation("delta")], "revision.decision"),
    "most of the old power goes": ([retire("alpha-1"), retire("alpha-2"), retire("beta-1")], "revision.overlap"),
    "one that every block needs": ([retire("gamma-1")], "revision.veto"),
}


@pytest.mark.parametrize(("changes", "name"), WARNED.values(), ids=WARNED)
def test_what_is_said_and_allowed(changes, name):
    new = changed(*changes)
    assert name in warned(first(), new)


def test_a_chain_of_one_may_grow_by_one():
    alone = tree()
    alone["nodes"] = {name: alone["nodes"][name] for name in ("alpha-1", "beta-2")}
    old = changed(since=alone)
    new = changed(admit("beta-2"), lambda one: one.update(revision=3), since=alone)
    assert "revision.quorum" in warned(old, new)
    assert "revision.quorum" not in failing(old, new)


def test_people_see_power_and_ports_and_who_restarts():
    table = power_table(first(), changed(admit("beta-2")), PROFILE)
    assert ("beta", "1", "2") in table.rows
    assert ("needed for blocks", "3", "4") in table.rows
    assert ("needed for decisions", "2 of 3", "2 of 3") in table.rows
    lines = consequences(first(), changed(witness("gamma-2", "gamma"), drop("alpha-2")), PROFILE)
    assert "every node opens port 26656 (p2p) to 192.0.2.99 (gamma-2, gamma)" in lines
    assert "every node closes port 26656 (p2p) to 192.0.2.2 (alpha-2, alpha)" in lines
    assert "peers change, so these nodes restart one at a time: alpha-1, beta-1, beta-2, gamma-1" in lines
    assert consequences(first(), changed(threshold(3)), PROFILE) == []
    answers = changed(lambda tree: tree["nodes"]["beta-1"].update(answers_members=True))
    assert consequences(first(), answers, PROFILE) == [
        "beta-1 (beta) opens port 26657 (rpc) to every other node, and restarts for it"
    ]
    assert consequences(answers, first(), PROFILE) == [
        "beta-1 (beta) closes port 26657 (rpc) to every other node, and restarts for it"
    ]
    watched = changed(lambda tree: tree.update(monitors={"mon-1": {"organisation": "beta", "address": "192.0.2.50"}}))
    for before, after, does in ((first(), watched, "opens"), (watched, first(), "closes")):
        assert consequences(before, after, PROFILE) == [f"every node {does} the port of its exporter to 192.0.2.50 (mon-1, beta)"]
    states = changed(lambda tree: tree["ledger"].update(state_blocks=100))
    assert consequences(first(), states, PROFILE) == ["the ledger's configuration changes, so all nodes restart one at a time"]
    rekeyed = changed(lambda tree: tree["nodes"]["beta-1"].update(former_node_id="1" * 40))
    assert consequences(first(), rekeyed, PROFILE)[-1].startswith("peers change, so these nodes restart one at a time: alpha-1,")

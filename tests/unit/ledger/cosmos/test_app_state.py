"""The state that a consortium's chain starts from. The Go tests of ledgerd start a chain from the file that is compared here."""

import json
from pathlib import Path

import pytest

from nodeops.core.errors import InputError
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.address import account_address, bech32, founder_operator, module_address, policy_address
from nodeops.ledger.cosmos.app_state import (
    COINS_PER_POWER,
    DUST,
    MOST_ORGANISATIONS,
    MOST_RECORD_KEYS,
    RECORD_DUST,
    Founders,
    app_state,
)
from nodeops.ledger.founding.genesis import genesis_text, make_genesis
from nodeops.ledger.founding.genesis_trust import surprises
from tests.unit.ledger.made_keys import author_identity, identity_of, pair

APPLICATIONS = {"beta": {"billing": pair("record billing")[1]}}
TIME = "2026-01-31T08:00:00Z"
ORGANISATIONS = ("alpha", "beta", "gamma")
POWERS = {"alpha-1": 1, "alpha-2": 1, "beta-1": 1, "gamma-1": 1}
IDENTITIES = {name: author_identity(name, name.split("-")[0]) for name in POWERS}
FIXTURE = Path(__file__).parents[4] / "ledgerd" / "testdata" / "genesis.json"


def consortium(order=ORGANISATIONS, **other) -> Consortium:
    tree = {
        "consortium": "made-up",
        "revision": 1,
        "threshold": 2,
        "ledger": {"platform": "cosmos", "version": "v0.1.0", "chain": "made-up-1"},
        "organisations": {name: {"account": pair(name)[1], "record_keys": APPLICATIONS.get(name, {})} for name in order},
        "nodes": {
            name: {"organisation": name.split("-")[0], "duty": "validator", "power": power, "address": f"192.0.2.{place}"}
            for place, (name, power) in enumerate(POWERS.items(), 1)
        },
    }
    return Consortium.model_validate({**tree, **other})


def made(**other):
    return make_genesis(consortium(**other), IDENTITIES, TIME)


def founders(**other) -> Founders:
    validators = {name: (pair(name)[1], power) for name, power in POWERS.items()}
    return Founders(
        **{"validators": validators, "accounts": {"alpha": pair("alpha")[1]}, "threshold": 1, "when": TIME, "mark": "m", **other}
    )


def test_the_genesis_that_ledgerd_is_tested_with_is_the_one_made_here():
    """After a meant change: python -m tests.unit.ledger.cosmos.test_app_state."""
    assert FIXTURE.read_text(encoding="utf-8") == genesis_text(made())


def test_two_controllers_make_the_same_bytes():
    assert genesis_text(made(order=reversed(ORGANISATIONS))) == genesis_text(made())


def test_all_power_is_the_policys_and_dust_is_never_a_vote():
    state = app_state(founders())
    assert {row["delegator_address"] for row in state["staking"]["delegations"]} == {policy_address()}
    assert [row["tokens"] for row in state["staking"]["validators"]] == [str(COINS_PER_POWER)] * 4
    assert DUST * MOST_ORGANISATIONS + RECORD_DUST * MOST_RECORD_KEYS < COINS_PER_POWER
    held = sum(int(coin["amount"]) for row in state["bank"]["balances"] for coin in row["coins"])
    assert state["bank"]["supply"] == [{"denom": "upower", "amount": str(held)}]


def test_the_group_is_its_own_admin_and_has_every_organisation_once():
    group = made().app_state["group"]
    assert [row["admin"] for row in (*group["groups"], *group["group_policies"])] == [policy_address()] * 2
    assert [row["member"]["metadata"] for row in group["group_members"]] == list(ORGANISATIONS)
    assert {row["member"]["weight"] for row in group["group_members"]} == {"1"}
    assert group["group_policies"][0]["decision_policy"]["threshold"] == "2"


@pytest.mark.parametrize(("count", "needed"), [(1, "1"), (2, "2"), (3, "2"), (4, "3"), (5, "3")])
def test_without_a_threshold_more_than_half_must_agree(count, needed):
    names = [f"org-{number}" for number in range(count)]
    organisations = {"alpha": {"account": pair("alpha")[1]}, **{name: {"account": pair(name)[1]} for name in names[1:]}}
    state = made(threshold=None, organisations=organisations).app_state
    assert state["group"]["group_policies"][0]["decision_policy"]["threshold"] == needed


NONSENSE = {
    "nobody": ({"accounts": {}, "threshold": 1}, "0 organisations"),
    "more than there are": ({"threshold": 2}, "threshold 2"),
    "none": ({"threshold": 0}, "threshold 0"),
    "too many keys": ({"record_keys": [str(number) for number in range(2001)]}, "2001 keys for records"),
    "an account's key for records": ({"record_keys": [pair("alpha")[1]]}, "also that of another"),
    "one key for records for two": ({"record_keys": ["same", "same"]}, "also that of another"),
    "one key for two": ({"accounts": dict.fromkeys(("alpha", "beta"), pair("alpha")[1])}, "same account key"),
}


@pytest.mark.parametrize(("other", "text"), NONSENSE.values(), ids=NONSENSE)
def test_founders_that_could_decide_nothing_are_refused(other, text):
    with pytest.raises(InputError, match=text):
        app_state(founders(**other))


def test_what_was_made_here_is_no_surprise_and_one_changed_account_is():
    genesis = made()
    assert list(surprises(genesis, consortium(), TIME, IDENTITIES)) == []
    tree = json.loads(genesis_text(genesis))
    tree["app_state"]["group"]["group_policies"][0]["decision_policy"]["threshold"] = "1"
    changed = type(genesis).model_validate(tree)
    assert surprising(changed) == ["app_state.group.group_policies"]


def surprising(genesis, identities=IDENTITIES, **other) -> list[str]:
    return [line.split(" is ")[0] for line in surprises(genesis, consortium(**other), TIME, identities)]


def test_keys_for_records_have_the_numbers_after_the_organisations_in_one_order():
    accounts = made().app_state["auth"]["accounts"]
    names = ("alpha-1", "alpha-2", "beta-1", "billing", "gamma-1")
    assert [row["pub_key"]["key"] for row in accounts[4:]] == [pair(f"record {name}")[1] for name in names]
    assert [row["account_number"] for row in accounts] == [str(number) for number in range(9)]


def test_a_key_for_records_that_joined_later_is_no_surprise_and_one_of_nobody_is():
    later = {**IDENTITIES, "gamma-1": IDENTITIES["gamma-1"].model_copy(update={"record_key": pair("another")[1]})}
    without = {name: identity for name, identity in IDENTITIES.items() if name != "gamma-1"}
    early = make_genesis(consortium(), {**IDENTITIES, "gamma-1": identity_of("gamma-1", "gamma")}, TIME)
    assert surprising(early) == []
    for identities in (later, without):
        assert surprising(made(), identities) == ["app_state.auth.accounts", "app_state.bank.balances", "app_state.bank.supply"]
    hostile = made().model_copy(update={"app_state": {"auth": {"accounts": 7}}})
    assert "app_state.auth.accounts" in surprising(hostile)


# BIP 173's own example, and the address of a module that every Cosmos SDK chain has, known from elsewhere.
def test_addresses_are_those_of_the_field():
    assert bech32("a", b"") == "a12uel5l"
    assert bech32("cosmos", _bytes_of_gov()) == "cosmos10d07y265gmmuvt4z0w9aw880jnsr700j6zn9kn"
    assert policy_address() == "ledger1afk9zr2hn2jsac63h4hm60vl9z3e5u69gndzf7c99cqge3vzwjzs0py7yz"
    assert len({account_address(pair("alpha")[1]), founder_operator(pair("alpha")[1]), module_address("alpha")}) == 3


def _bytes_of_gov() -> bytes:
    return bytes.fromhex("7b5fe22b5446f7c62ea27b8bd71cef94e03f3df2")


if __name__ == "__main__":
    FIXTURE.write_text(genesis_text(made()), encoding="utf-8")

"""Making a genesis, and comparing one with the consortium file."""

import json

import pytest
from pydantic import ValidationError

from nodeops.core.errors import InputError
from nodeops.core.finding import Verdict
from nodeops.ledger.founding.genesis import compare, content_digest, genesis_text, make_genesis
from nodeops.ledger.founding.genesis_models import Genesis
from tests.unit.ledger.made_keys import consortium_of, identity_of, pair

TIME = "2026-01-31T08:00:00Z"
FOUR = {"a1": 1, "b1": 2, "c1": 3, "c2": 0}


def identities(*names: str):
    return {name: identity_of(name, f"org-{name[0]}") for name in names}


def made(**powers: int) -> Genesis:
    chosen = powers or FOUR
    return make_genesis(consortium_of(**chosen), identities(*chosen), TIME)


def test_validators_come_with_key_power_and_name_and_witnesses_do_not():
    genesis = made()
    assert [(one.name, one.power, one.pub_key.value) for one in genesis.validators] == [
        ("a1", "1", pair("a1")[1]),
        ("b1", "2", pair("b1")[1]),
        ("c1", "3", pair("c1")[1]),
    ]
    assert (genesis.chain_id, genesis.initial_height, genesis.app_hash, genesis.genesis_time) == ("test-1", "1", "", TIME)


def test_the_bytes_depend_on_the_content_only():
    backwards = consortium_of(**dict(reversed(FOUR.items())))
    assert genesis_text(make_genesis(backwards, identities(*FOUR), TIME)) == genesis_text(made())
    assert genesis_text(made()).endswith("}\n")
    assert Genesis.model_validate(json.loads(genesis_text(made()))) == made()


def test_the_default_parameters_are_those_of_cometbft():
    assert made().consensus_params["block"] == {"max_bytes": "22020096", "max_gas": "-1"}
    assert made().consensus_params["evidence"]["max_age_duration"] == str(48 * 3600 * 10**9)


@pytest.mark.parametrize("time", ["", "now", "2026-01-31", "2026-01-31T08:00:00+08:00", "2026-01-31T08:00:00Z\n"])
def test_a_time_that_is_not_utc_is_refused(time):
    with pytest.raises(InputError, match="no genesis time"):
        make_genesis(consortium_of(a1=1), identities("a1"), time)


def test_a_chain_without_a_validator_is_refused():
    with pytest.raises(InputError, match="needs a validator"):
        make_genesis(consortium_of(a1=0), identities("a1"), TIME)


def test_content_is_named_however_it_is_laid_out():
    text = genesis_text(made())
    assert content_digest(text.encode()) == content_digest(json.dumps(json.loads(text)).encode())
    assert content_digest(text.encode()) != content_digest(text.replace("test-1", "test-2").encode())
    assert content_digest(b"not json") != content_digest(b"not json either")


def test_a_genesis_that_agrees_passes():
    (finding,) = compare(made(), consortium_of(**FOUR), identities(*FOUR), "genesis.json")
    assert finding.verdict is Verdict.PASS


def test_identities_that_are_not_known_are_not_compared():
    (finding,) = compare(made(), consortium_of(**FOUR), identities("a1"), "genesis.json")
    assert finding.verdict is Verdict.PASS


DISAGREEMENTS = {
    "chain": (consortium_of(chain="other-1", **FOUR), {}, ["chain: genesis has 'test-1', consortium.yml has 'other-1'"]),
    "power": (consortium_of(**{**FOUR, "b1": 7}), {}, ["b1: power 2 in the genesis, 7 in consortium.yml"]),
    "key": (
        consortium_of(**FOUR),
        {"c1": "another"},
        [f"c1: validator key {pair('c1')[1]} in the genesis, {pair('another')[1]}"],
    ),
    "joined": (consortium_of(**FOUR, c3=1), {}, ["c3: a validator in consortium.yml, not in the genesis"]),
    "left": (consortium_of(a1=1, b1=2), {}, ["'c1': a validator in the genesis, not in consortium.yml"]),
    "a witness now": (consortium_of(**{**FOUR, "c1": 0}), {}, ["'c1': a validator in the genesis"]),
    "all at once": (
        consortium_of(chain="x", a1=9, d1=1),
        {},
        ["chain:", "a1: power", "d1: a validator", "'b1': a validator", "'c1'"],
    ),
}


@pytest.mark.parametrize(("consortium", "other", "said"), DISAGREEMENTS.values(), ids=DISAGREEMENTS)
def test_each_difference_is_named(consortium, other, said):
    known = identities(*consortium.nodes) | {name: identity_of(name, f"org-{name[0]}", seed) for name, seed in other.items()}
    with pytest.raises(InputError) as caught:
        compare(made(), consortium, known, "folder/genesis.json")
    assert caught.value.where == "folder/genesis.json"
    for text in said:
        assert text in str(caught.value)


@pytest.mark.parametrize("case", ["joined", "left", "a witness now"])
def test_later_revisions_may_change_the_members(case):
    later = DISAGREEMENTS[case][0].model_copy(update={"revision": 2})
    (finding,) = compare(made(), later, identities(*later.nodes), "genesis.json")
    assert finding.verdict is Verdict.WARN
    assert finding.actual.startswith("membership changed since genesis")


@pytest.mark.parametrize("case", ["chain", "power", "key"])
def test_later_revisions_may_not_change_what_was_founded(case):
    consortium, other, _ = DISAGREEMENTS[case]
    later = consortium.model_copy(update={"revision": 2})
    known = identities(*later.nodes) | {name: identity_of(name, f"org-{name[0]}", seed) for name, seed in other.items()}
    with pytest.raises(InputError, match="disagrees"):
        compare(made(), later, known, "genesis.json")


def test_a_founder_named_twice_is_found():
    genesis = made()
    twice = genesis.model_copy(update={"validators": [*genesis.validators, genesis.validators[0]]})
    with pytest.raises(InputError, match="a1: twice in the genesis"):
        compare(twice, consortium_of(**FOUR), identities(*FOUR), "genesis.json")


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": ""},
        {"genesis_time": "soon"},
        {"initial_height": 1},
        {"validators": []},
        {"validators": [{"address": "0" * 40, "name": "a1", "power": "1", "pub_key": {"value": pair("a1")[1]}}]},
        {"surprise": 1},
    ],
)
def test_a_genesis_is_strict(change):
    with pytest.raises(ValidationError):
        Genesis.model_validate({**made().model_dump(), **change})

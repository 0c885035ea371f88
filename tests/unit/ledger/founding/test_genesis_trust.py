"""A genesis from another member: what is refused, what lifts the refusal, and what is said of it."""

import hashlib
import json

import pytest

from nodeops.core.errors import InputError, NodeopsError, Refused
from nodeops.core.finding import Verdict
from nodeops.ledger.founding.gather import gather
from nodeops.ledger.founding.genesis import content_digest, genesis_text, make_genesis
from tests.unit.ledger.founding.test_gather import ALL, CONSORTIUM, TIME, answer, answers, publish, written
from tests.unit.ledger.made_keys import identity_of

LATER = CONSORTIUM.model_copy(update={"revision": 2})
NOW = "2026-11-01T08:00:00Z"


def founder(name: str, power: str) -> dict[str, object]:
    identity = identity_of(name, f"org-{name[0]}")
    key = {"type": "tendermint/PubKeyEd25519", "value": identity.validator_key.value}
    return {"address": identity.validator_address, "name": name, "power": power, "pub_key": key}


def stranger(power: str = "1000") -> dict[str, object]:
    return founder("z1", power)


def received(folder, change=lambda genesis: None) -> str:
    """Put the genesis that would have been made into the folder, with a change in it, and return its text."""
    publish(folder, *ALL)
    tree = json.loads(genesis_text(make_genesis(CONSORTIUM, {name: identity_of(name, "x") for name in ALL}, TIME)))
    change(tree)
    (folder / "genesis.json").write_text(json.dumps(tree))
    return json.dumps(tree)


def run(folder, observed=None, consortium=LATER, **options):
    return gather(folder, consortium, answers(*ALL) if observed is None else observed, ALL, genesis_time=NOW, **options)


def parameter(path: str, value: object):
    def change(genesis) -> None:
        *steps, last = path.split("/")
        for step in steps:
            genesis = genesis[step]
        genesis[last] = value

    return change


UNUSUAL = {
    "a stranger with a say": (lambda genesis: genesis["validators"].append(stranger()), "'z1' has power 1000 and is no member"),
    "a witness with a say": (
        lambda genesis: genesis["validators"].append(founder("b2", "1")),
        "b2 has power 1 and is a witness in consortium.yml",
    ),
    "a founder left out": (
        lambda genesis: genesis["validators"].pop(2),
        "b1 is a validator that published its identity at revision 1, and has no say in it",
    ),
    "an organisation alone": (lambda genesis: genesis["validators"].pop(2), "org-a alone has power 2 of 2"),
    "evidence that is old at once": (
        parameter("consensus_params/evidence/max_age_num_blocks", "1"),
        "consensus_params.evidence.max_age_num_blocks is '1', '100000' is usual",
    ),
    "a parameter of another form": (parameter("consensus_params/block", []), "consensus_params.block is '[]'"),
    "a parameter more": (parameter("consensus_params/Block", {}), "consensus_params.Block"),
    "a parameter less": (lambda genesis: genesis["consensus_params"].pop("abci"), "consensus_params.abci is 'None'"),
    "year 9999": (parameter("genesis_time", "9999-01-01T00:00:00Z"), "genesis_time is 9999"),
    "two days ahead": (parameter("genesis_time", "2026-11-03T08:00:01Z"), "genesis_time is 2026-11-03"),
    "before the ledger": (parameter("genesis_time", "1970-01-01T00:00:00Z"), "genesis_time is 1970"),
    "no day of any calendar": (parameter("genesis_time", "2026-02-31T00:00:00Z"), "genesis_time is 2026-02-31"),
    "another first height": (parameter("initial_height", "5"), "initial_height is '5'"),
    "a state": (parameter("app_state", {"val": 1}), "app_state is"),
    "a state's hash": (parameter("app_hash", "AB"), "app_hash is 'AB'"),
}


@pytest.mark.parametrize(("change", "said"), UNUSUAL.values(), ids=UNUSUAL)
def test_what_we_would_not_have_made_needs_a_word(tmp_path, change, said):
    digest = hashlib.sha256(received(tmp_path, change).encode()).hexdigest()
    before = written(tmp_path)
    with pytest.raises(Refused) as caught:
        run(tmp_path)
    assert said in caught.value.what
    assert f'nodeops_genesis: "{digest}"' in caught.value.hint
    assert written(tmp_path) == before
    (finding,) = (one for one in run(tmp_path, agreed=digest).findings if one.id == "genesis-unusual")
    assert (finding.verdict, said in finding.actual) == (Verdict.WARN, True)


MEMBERSHIP = {"a stranger with a say", "a witness with a say", "a founder left out", "an organisation alone"}


@pytest.mark.parametrize("name", sorted(set(UNUSUAL) - MEMBERSHIP))
def test_the_first_revision_is_no_excuse(tmp_path, name):
    change, said = UNUSUAL[name]
    received(tmp_path, change)
    with pytest.raises(Refused) as caught:
        run(tmp_path, consortium=CONSORTIUM)
    assert said in caught.value.what


def test_no_word_lets_a_stranger_found_the_chain(tmp_path):
    digest = hashlib.sha256(received(tmp_path, UNUSUAL["a stranger with a say"][0]).encode()).hexdigest()
    with pytest.raises(InputError, match="'z1': a validator in the genesis, not in"):
        run(tmp_path, consortium=CONSORTIUM, agreed=digest)


def test_hosts_that_hold_it_keep_it_and_the_warning_stays(tmp_path):
    text = received(tmp_path, UNUSUAL["a stranger with a say"][0])
    holds = {**answers(*ALL), "a1": answer("a1", genesis_digest=content_digest(text.encode()))}
    assert [one.id for one in run(tmp_path, holds).findings if one.verdict is Verdict.WARN] == [
        "genesis-membership",
        "genesis-unusual",
    ]


def test_a_dry_run_that_asks_nobody_only_warns(tmp_path):
    received(tmp_path, UNUSUAL["year 9999"][0])
    assert "genesis-unusual" in [one.id for one in run(tmp_path, {}, dry_run=True).findings]
    with pytest.raises(Refused):
        run(tmp_path, dry_run=True)
    with pytest.raises(Refused):
        run(tmp_path, {})


def test_what_is_usual_is_shown_with_its_digest_and_no_warning(tmp_path):
    text = received(tmp_path, lambda genesis: genesis["validators"][0].update(power="1"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    for agreed in (None, digest):
        findings = run(tmp_path, agreed=agreed).findings
        assert [one.verdict for one in findings] == [Verdict.PASS] * 2
        assert digest in findings[1].actual


@pytest.mark.parametrize("power", ["0", "1000001", "9223372036854775807"])
def test_a_founder_with_a_power_that_no_ledger_starts_with_is_refused(tmp_path, power):
    received(tmp_path, lambda genesis: genesis["validators"].append(stranger(power)))
    with pytest.raises(InputError, match=f"power is {power}; a founder has 1 to 1000000"):
        run(tmp_path)


def test_one_key_does_not_vote_for_two(tmp_path):
    received(tmp_path, lambda genesis: genesis["validators"].append({**genesis["validators"][0], "name": "z1"}))
    with pytest.raises(InputError, match="z1: has the validator key of another founder"):
        run(tmp_path)


def test_a_name_that_steers_a_terminal_is_shown_without_it(tmp_path):
    twice = [{**stranger(), "name": "\x1b[2J"}] * 2
    received(tmp_path, lambda genesis: genesis["validators"].extend(twice))
    with pytest.raises(InputError) as caught:
        run(tmp_path)
    assert "\x1b" not in str(caught.value)


def test_a_huge_genesis_with_one_mistake_is_refused_without_reading_it_again_for_its_line(tmp_path):
    text = received(tmp_path, lambda genesis: genesis.update(app_state=["x"] * 200_000, initial_height=7))
    assert len(text) > 500_000
    with pytest.raises(InputError, match="is not a genesis: initial_height"):
        run(tmp_path)


def test_another_than_the_agreed_one_is_refused_and_none_is_made(tmp_path):
    received(tmp_path)
    with pytest.raises(Refused, match="is not the genesis that was agreed on"):
        run(tmp_path, agreed="ab" * 32)
    (tmp_path / "genesis.json").unlink()
    assert "one was agreed on already" in run(tmp_path, consortium=CONSORTIUM, agreed="ab" * 32).missing[0]


@pytest.mark.parametrize("key", ["chain_id", "power", "max_bytes"])
def test_a_key_that_stands_twice_is_refused(tmp_path, key):
    text = received(tmp_path)
    (tmp_path / "genesis.json").write_text(text.replace(f'"{key}": ', f'"{key}": "7", "{key}": ', 1))
    with pytest.raises(NodeopsError, match=f"the key '{key}' stands twice"):
        run(tmp_path)

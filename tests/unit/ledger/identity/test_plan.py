"""Reading key files, and deciding what may be done with what is found of an identity."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nodeops.core.errors import HostError, Refused
from nodeops.ledger.identity.identity import Identity, address_of, parse_node_key, parse_signing_state, parse_validator_key
from nodeops.ledger.identity.plan import Prepared, Seen, State, Step, decide
from tests.unit.ledger.made_keys import UNUSED_STATE, USED_STATE, identity_of, node_key_file, pair, validator_key_file


def test_a_known_key_gives_the_ids_that_cometbft_gives():
    """The two ids are what `cometbft show-node-id` and `init` of v0.38.21 say of these keys."""
    assert parse_node_key(node_key_file("known"), "file") == "ebe6a3122d0afc263f476ccd9d9547016708f807"
    assert (
        address_of(parse_validator_key(validator_key_file("known"), "file").value) == "FD6E0623F1A579EF036365F0C5ED9925A5B0D6AE"
    )


def test_a_whole_validator_key_is_read():
    assert parse_validator_key(validator_key_file("a"), "file").value == pair("a")[1]


def changed(data: bytes, **changes: object) -> bytes:
    return json.dumps({**json.loads(data), **changes}).encode()


PRIVATE = {"type": "tendermint/PrivKeyEd25519", "value": pair("secret")[0]}
DAMAGE = {
    "empty": (b"", "it is empty"),
    "cut": (validator_key_file("secret")[:-20], "not the JSON"),
    "not json": (b"\xff\xfe" + pair("secret")[0].encode(), "not the JSON"),
    "too large": (b" " * 70_000, "far too large"),
    "list": (json.dumps([pair("secret")[0]]).encode(), "is damaged"),
    "unknown key": (changed(validator_key_file("secret"), password=pair("secret")[0]), "password"),
    "other's pub_key": (
        changed(validator_key_file("secret"), pub_key={"type": "tendermint/PubKeyEd25519", "value": pair("b")[1]}),
        "pub_key is not the public part",
    ),
    "other's address": (changed(validator_key_file("secret"), address="A" * 40), "address is not that"),
    "lower-case address": (changed(validator_key_file("secret"), address="a" * 40), "address"),
    "secp256k1": (
        changed(validator_key_file("secret"), priv_key={**PRIVATE, "type": "tendermint/PrivKeySecp256k1"}),
        "priv_key.type",
    ),
    "short key": (changed(validator_key_file("secret"), priv_key={**PRIVATE, "value": PRIVATE["value"][:40]}), "64 bytes"),
    "no base64": (changed(validator_key_file("secret"), priv_key={**PRIVATE, "value": "!" + PRIVATE["value"]}), "64 bytes"),
    "a number": (changed(validator_key_file("secret"), priv_key=12345678901234567890), "priv_key"),
}


@pytest.mark.parametrize(("data", "said"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_validator_key_is_a_clear_error_without_the_key(data, said):
    with pytest.raises(HostError) as caught:
        parse_validator_key(data, "/keys/priv_validator_key.json")
    assert said in str(caught.value)
    assert "/keys/priv_validator_key.json" in str(caught.value)
    assert "backup" in caught.value.hint
    assert_no_secret(caught.value)


def assert_no_secret(error: BaseException) -> None:
    """Nothing of the key is in the message, or in any error it was made from."""
    secret = pair("secret")[0]
    seen: BaseException | None = error
    while seen is not None:
        assert secret[:20] not in f"{seen} {seen!r} {seen.args}"
        seen = seen.__cause__ or seen.__context__


def test_halves_that_do_not_belong_together_are_found():
    mixed = pair("secret")[0][:40] + pair("b")[0][40:]
    with pytest.raises(HostError, match="two halves") as caught:
        parse_node_key(json.dumps({"priv_key": {**PRIVATE, "value": mixed}}).encode(), "node_key.json")
    assert_no_secret(caught.value)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_no_bytes_break_the_parsers(data):
    for parse in (parse_node_key, parse_validator_key, parse_signing_state):
        with pytest.raises(HostError):
            parse(data, "file")


@pytest.mark.parametrize(
    ("data", "unused"),
    [
        (UNUSED_STATE, True),
        (USED_STATE, False),
        (b'{"height":"0","round":1,"step":0}', False),
        (b'{"height":"0","round":0,"step":1}', False),
        (b'{"height":"0","round":0,"step":0,"signature":"c2ln"}', False),
    ],
)
def test_a_state_is_unused_only_when_nothing_was_signed(data, unused):
    assert parse_signing_state(data, "state").unused is unused


@pytest.mark.parametrize(
    "change",
    [
        {"node_id": "AB" * 20},
        {"node_id": "ab" * 20 + "\n"},
        {"validator_address": "00" * 20},
        {"validator_key": {"type": "ed25519", "value": "AAAA"}},
        {"validator_key": {"type": "sr25519", "value": pair("a1")[1]}},
        {"private": "x"},
    ],
)
def test_an_identity_is_strict(change):
    with pytest.raises(ValidationError):
        Identity.model_validate({**identity_of("a1", "org-a").model_dump(), **change})


# --- what may be done --------------------------------------------------------------------------------------------------

NONE = Seen(node_key=False, validator_key=False, state=State.ABSENT)
WHOLE = Seen(node_key=True, validator_key=True, state=State.USED, blocks=True)
KEPT, KEPT_WITHOUT_STATE = Prepared(keys=True, state=State.UNUSED), Prepared(keys=True, state=State.ABSENT)

SAFE = {
    "nothing there": (NONE, Step.CREATE),
    "whole": (WHOLE, Step.NOTHING),
    "whole, not started": (replace(WHOLE, state=State.UNUSED, blocks=False), Step.NOTHING),
    "whole, with a stranger": (replace(WHOLE, strangers=("notes",)), Step.NOTHING),
    "made, nothing in place": (replace(NONE, prepared=KEPT), Step.FINISH),
    "made, state in place and kept": (replace(NONE, state=State.UNUSED, prepared=KEPT), Step.FINISH),
    "made, state in place": (replace(NONE, state=State.UNUSED, prepared=KEPT_WITHOUT_STATE), Step.FINISH),
}
UNSAFE = {
    "key without state": (replace(WHOLE, state=State.ABSENT), "signing state is missing"),
    "key without state, no blocks": (replace(WHOLE, state=State.ABSENT, blocks=False), "signing state is missing"),
    "state without keys": (replace(NONE, state=State.USED), "node key and its validator key is missing"),
    "unused state without keys": (replace(NONE, state=State.UNUSED), "validator key is missing"),
    "node key gone": (replace(WHOLE, node_key=False), "node key is missing"),
    "validator key gone": (replace(WHOLE, validator_key=False), "validator key is missing"),
    "only the node key": (replace(NONE, node_key=True), "validator key and its signing state"),
    "blocks alone": (replace(NONE, blocks=True), "was a node before"),
    "a stranger in the key folder": (replace(NONE, strangers=("old",)), "something else: old"),
    "made, but keys in place": (replace(WHOLE, prepared=KEPT), "other keys in place"),
    "made, but one key in place": (replace(NONE, node_key=True, prepared=KEPT), "other keys in place"),
    "made, but a key is gone": (replace(NONE, prepared=Prepared(keys=False, state=State.UNUSED)), "does not hold both keys"),
    "made, but the state was used": (replace(NONE, state=State.USED, prepared=KEPT), "has signed with the state"),
    "made, used state kept": (replace(NONE, prepared=Prepared(keys=True, state=State.USED)), "unused signing state is gone"),
    "made, state gone": (replace(NONE, prepared=KEPT_WITHOUT_STATE), "unused signing state is gone"),
    "made, but there are blocks": (replace(NONE, blocks=True, prepared=KEPT), "there are blocks"),
    "made, a stranger": (replace(NONE, strangers=("old",), prepared=KEPT), "something else: old"),
}


@pytest.mark.parametrize(("seen", "step"), SAFE.values(), ids=SAFE)
def test_a_safe_state_goes_on(seen, step):
    assert decide(seen, "/keys", "/data") is step


@pytest.mark.parametrize(("seen", "said"), UNSAFE.values(), ids=UNSAFE)
def test_an_unclear_state_is_refused_with_what_to_do(seen, said):
    with pytest.raises(Refused) as caught:
        decide(seen, "/keys", "/data")
    assert said in str(caught.value)
    assert caught.value.hint

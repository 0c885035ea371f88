"""Encodings against a real network's answers, and the tally of signatures against every way to cheat."""

import base64
import json
from typing import Any

import pytest

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.blocks import Commit, SignedHeader, header_hash, merkle_root
from nodeops.ledger.cometbft.protowire import blob, delimited, fixed64, integer, message, varint
from nodeops.ledger.cometbft.trust import TrustedSet, signers, trusted_set
from tests.unit.records.chain import CASE, Chain, real_trusted, vote

REAL = {int(height): answer["signed_header"] for height, answer in CASE["commits"].items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (150, "9601"),
        (2**63 - 1, "ffffffffffffffff7f"),
        (2**64 - 1, "ffffffffffffffffff01"),
        (-1, "ffffffffffffffffff01"),
        (-62135596800, "8092b8c398feffffff01"),
    ],
)
def test_varint(value: int, expected: str):
    assert varint(value).hex() == expected


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (integer(1, 150), "089601"),
        (integer(1, 0), ""),
        (fixed64(2, 3), "110300000000000000"),
        (fixed64(2, 0), ""),
        (blob(2, b"testing"), "120774657374696e67"),
        (blob(2, b""), ""),
        (message(4, b""), "2200"),
        (delimited(b"abc"), "03616263"),
    ],
)
def test_fields(encoded: bytes, expected: str):
    assert encoded.hex() == expected


@pytest.mark.parametrize("height", sorted(REAL))
def test_header_hash_is_what_a_real_network_voted_on(height: int):
    signed = SignedHeader.model_validate(REAL[height])
    assert header_hash(signed.header) == signed.commit.block_id.hash


@pytest.mark.parametrize("height", sorted(REAL))
def test_sign_bytes_are_what_real_validators_signed(height: int):
    flags = [vote["block_id_flag"] for vote in REAL[height]["commit"]["signatures"]]
    assert len(signers(real_trusted(), SignedHeader.model_validate(REAL[height]).commit)) == flags.count(2) >= 3


def test_the_case_holds_what_is_easy_to_get_wrong():
    commits = [signed["commit"] for signed in REAL.values()]
    flags = {vote["block_id_flag"] for commit in commits for vote in commit["signatures"]}
    assert flags == {1, 2, 3}
    assert {commit["round"] for commit in commits} == {0, 1}
    assert REAL[1]["header"]["last_block_id"]["hash"] == ""


def test_validators_hash_is_that_of_a_real_header():
    assert real_trusted().hash() == SignedHeader.model_validate(REAL[1]).header.validators_hash


def test_validators_hash_orders_by_power_as_a_real_network_does():
    trusted = real_trusted()
    first, *others = trusted.validators
    changed = TrustedSet(trusted.chain, (type(first)(first.address, first.public_key, 3), *others))
    assert changed.hash() == SignedHeader.model_validate(REAL[CASE["changed_set_height"]]).header.validators_hash


def test_merkle_root_of_nothing_is_the_hash_of_nothing():
    assert merkle_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("powers", "power", "quorum"),
    [
        ((1, 1, 1, 1), 2, False),
        ((1, 1, 1, 1), 3, True),
        ((1, 1, 1), 2, False),
        ((1, 1, 1), 3, True),
        ((1,) * 7, 4, False),
        ((1,) * 7, 5, True),
        ((10, 1, 1), 8, False),
        ((10, 1, 1), 9, True),
        ((1,), 0, False),
    ],
)
def test_quorum_is_more_than_two_thirds(powers: tuple[int, ...], power: int, quorum: bool):
    assert Chain(powers).trusted().is_quorum(power) is quorum


def _forged(chain: Chain, kind: str) -> list[dict[str, Any]]:
    """Return the slots of a commit in which seat 0 cheats in one way and nobody else votes."""
    signed = chain.signed_header(1)
    commit = Commit.model_validate(signed["commit"])
    good = signed["commit"]["signatures"][0]
    other = signed["commit"]["signatures"][1]
    stranger = vote(Chain((1,) * 9).seats[8], commit, chain.name, good["timestamp"])
    later_round = Commit.model_validate({**signed["commit"], "round": 2})
    kinds = {
        "honest": [good],
        "absent": [{"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": None}],
        "nil vote": [{**good, "block_id_flag": 3}],
        "twice": [good, good],
        "bad first, good second": [{**good, "signature": other["signature"]}, good],
        "signature of another": [{**good, "signature": other["signature"]}],
        "address of another": [{**good, "validator_address": other["validator_address"]}],
        "no address": [{**good, "validator_address": ""}],
        "not a validator": [stranger],
        "other time": [{**good, "timestamp": "2026-11-01T08:01:00.100000001Z"}],
        "other chain": [vote(chain.seats[0], commit, "battery-2", good["timestamp"])],
        "other round": [vote(chain.seats[0], later_round, chain.name, good["timestamp"])],
        "no signature": [{**good, "signature": None}],
        "short signature": [{**good, "signature": base64.b64encode(bytes(63)).decode()}],
        "zero signature": [{**good, "signature": base64.b64encode(bytes(64)).decode()}],
    }
    return kinds[kind]


@pytest.mark.parametrize(
    ("kind", "power"),
    [
        ("honest", 5),
        ("twice", 5),
        *(
            (kind, 0)
            for kind in (
                *("absent", "nil vote", "bad first, good second", "signature of another", "address of another", "no address"),
                *("not a validator", "other time", "other chain", "other round", "no signature", "short signature"),
                "zero signature",
            )
        ),
    ],
)
def test_only_honest_signatures_count_and_each_once(kind: str, power: int):
    chain = Chain((5, 1, 1))
    chain.commit(b"a=b")
    commit = {**chain.signed_header(1)["commit"], "signatures": _forged(chain, kind)}
    assert sum(one.power for one in signers(chain.trusted(), Commit.model_validate(commit))) == power


def _genesis(**changes: Any) -> bytes:
    return json.dumps({**json.loads(Chain().genesis()), **changes}).encode()


_KEY = {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(bytes(32)).decode()}


@pytest.mark.parametrize(
    ("genesis", "says"),
    [
        (b"", "cannot be trusted"),
        (b"[]", "cannot be trusted"),
        (_genesis(validators=[]), "validators"),
        (_genesis(validators=None), "validators"),
        (_genesis(chain_id="other"), "another chain"),
        (_genesis(validators=[{"pub_key": _KEY, "power": "0"}]), "power"),
        (_genesis(validators=[{"pub_key": _KEY, "power": "-1"}]), "power"),
        (_genesis(validators=[{"pub_key": _KEY, "power": 1.5}]), "power"),
        (_genesis(validators=[{"pub_key": {**_KEY, "type": "tendermint/PubKeySecp256k1"}, "power": "1"}]), "type"),
        (_genesis(validators=[{"pub_key": {**_KEY, "value": "AAAA"}, "power": "1"}]), "value"),
        (_genesis(validators=[{"pub_key": _KEY, "power": "1"}] * 2), "twice"),
    ],
)
def test_a_genesis_that_cannot_be_trusted_is_refused(genesis: bytes, says: str):
    with pytest.raises(HostError, match=says):
        trusted_set(genesis, "battery-1", "genesis.json")

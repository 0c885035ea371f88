"""A real network's answers prove; the same answers with anything altered do not."""

import base64
import copy
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.ledger.cometbft.proof import ProofError, Step, parse_transaction, path_to, prove_block, prove_transaction
from nodeops.ledger.cometbft.trust import TrustedSet
from tests.unit.records.chain import CASE, Chain, real_trusted

TRUSTED = real_trusted()
SIGNED = {int(height): answer["signed_header"] for height, answer in CASE["commits"].items()}
FULL = SIGNED[409]
TRANSACTIONS = CASE["transactions"]
CHANGED = CASE["changed_set_height"]
BLOCKS = {height: prove_block(signed, height, TRUSTED) for height, signed in SIGNED.items() if height != CHANGED}
Place = tuple[str | int, ...]


def _leaves(node: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(value, (*place, key))
    else:
        yield place


def _get(node: Any, place: Place) -> Any:
    for step in place:
        node = node[step]
    return node


def _with(node: Any, place: Place, value: Any) -> Any:
    changed = copy.deepcopy(node)
    _get(changed, place[:-1])[place[-1]] = value
    return changed


def _altered(value: Any) -> list[Any]:
    """Return values that differ from an honest one in one place: each character of text, the neighbours of a number."""
    if isinstance(value, int):
        return [value + 1, value - 1]
    swaps = [value[:at] + ("1" if letter != "1" else "2") + value[at + 1 :] for at, letter in enumerate(value)]
    return [*swaps, "", f"{value}0"]


@pytest.mark.parametrize(("height", "power"), [(1, 4), (2, 4), (409, 4), (435, 3), (462, 3), (476, 3)])
def test_real_blocks_prove(height: int, power: int):
    block = BLOCKS[height]
    assert (block.power, block.total_power) == (power, 4)


def test_a_block_of_other_validators_is_not_proven_by_these():
    """All of them signed it, with others who came later: it is for whoever follows the changes (test_follow.py)."""
    with pytest.raises(ProofError) as caught:
        prove_block(SIGNED[CHANGED], CHANGED, TRUSTED)
    assert caught.value.where == Step.VALIDATORS


def test_real_transactions_prove_in_block_order():
    proven = [prove_transaction(parse_transaction(raw), BLOCKS[int(raw["height"])]) for raw in TRANSACTIONS]
    by_index = sorted(zip(TRANSACTIONS, proven, strict=True), key=lambda pair: (int(pair[0]["height"]), pair[0]["index"]))
    assert [one.order for _, one in by_index] == sorted(one.order for one in proven)
    assert {len(one.path) for one in proven} == {0, 2, 3}


def _unsigned_places() -> list[Place]:
    return [place for place in _leaves(FULL) if "signatures" not in place]


@pytest.mark.parametrize("place", _unsigned_places(), ids=lambda place: ".".join(map(str, place)))
def test_nothing_in_header_or_vote_can_be_altered(place: Place):
    for value in _altered(_get(FULL, place)):
        with pytest.raises(ProofError):
            prove_block(_with(FULL, place, value), 409, TRUSTED)


@pytest.mark.parametrize("field", ["block_id_flag", "validator_address", "timestamp", "signature"])
def test_an_altered_vote_does_not_count_and_two_are_too_many(field: str):
    for value in _altered(FULL["commit"]["signatures"][0][field]):
        one = _with(FULL, ("commit", "signatures", 0, field), value)
        assert _power(one) in (3, None)
        assert _power(_with(one, ("commit", "signatures", 1, "block_id_flag"), 3)) is None


def _power(signed: Any) -> int | None:
    try:
        return prove_block(signed, 409, TRUSTED).power
    except ProofError:
        return None


def test_every_byte_of_every_signature_matters():
    for seat in range(4):
        signature = base64.b64decode(FULL["commit"]["signatures"][seat]["signature"])
        for at in range(64):
            changed = bytes([*signature[:at], signature[at] ^ 0x10, *signature[at + 1 :]])
            place = ("commit", "signatures", seat, "signature")
            assert _power(_with(FULL, place, base64.b64encode(changed).decode())) == 3


@pytest.mark.parametrize("raw", [TRANSACTIONS[0], TRANSACTIONS[-2], TRANSACTIONS[-1]], ids=["first", "last of six", "alone"])
def test_nothing_in_a_transaction_can_be_altered(raw: dict[str, Any]):
    block = BLOCKS[int(raw["height"])]
    path = prove_transaction(parse_transaction(raw), block).path
    for place in _leaves(raw):
        if place == ("index",):
            continue  # a claim that nothing is concluded from
        for value in _altered(_get(raw, place)):
            _must_fail_or_be_the_same_leaf(_with(raw, place, value), block, path, place)


def _must_fail_or_be_the_same_leaf(raw: Any, block: Any, path: tuple[bool, ...], place: Place) -> None:
    # A tree's size is not part of its root: another size with the same way to the leaf is the same statement.
    try:
        proven = prove_transaction(parse_transaction(raw), block)
    except ProofError:
        return
    assert place[-1] in ("total", "index")
    assert proven.path == path


@pytest.mark.parametrize("raw", TRANSACTIONS, ids=lambda raw: f"{raw['height']}-{raw['index']}")
def test_every_byte_of_a_transaction_and_its_proof_matters(raw: dict[str, Any]):
    places = [("tx",), ("proof", "data"), *(("proof", "proof", "aunts", at) for at in range(len(raw["proof"]["proof"]["aunts"])))]
    for place in places:
        data = base64.b64decode(_get(raw, place))
        for at in range(len(data)):
            changed = base64.b64encode(bytes([*data[:at], data[at] ^ 1, *data[at + 1 :]])).decode()
            with pytest.raises(ProofError):
                prove_transaction(parse_transaction(_with(raw, place, changed)), BLOCKS[int(raw["height"])])


def test_a_consistent_forgery_of_the_transaction_fails_at_the_merkle_proof():
    chain = Chain()
    chain.commit(b"record/x=forged")
    with pytest.raises(ProofError) as caught:
        prove_transaction(parse_transaction({**chain.entry(1, 0), "height": "409"}), BLOCKS[409])
    assert caught.value.where == Step.MERKLE_PROOF


def test_a_forged_transaction_with_an_honest_proof_fails_at_the_merkle_proof():
    forged = b"record/x=forged"
    data = base64.b64encode(forged).decode()
    honest = TRANSACTIONS[0]
    raw = {**honest, "tx": data, "hash": hashlib.sha256(forged).hexdigest(), "proof": {**honest["proof"], "data": data}}
    with pytest.raises(ProofError) as caught:
        prove_transaction(parse_transaction(raw), BLOCKS[409])
    assert caught.value.where == Step.MERKLE_PROOF


@pytest.mark.parametrize(
    ("powers", "silent", "holds"), [((1, 1, 1, 1), 0, True), ((9, 1, 1, 1), 0, False), ((9, 1, 1, 1), 1, True)]
)
def test_power_is_that_of_the_trusted_set(powers: tuple[int, ...], silent: int, holds: bool):
    chain = Chain(powers)
    chain.commit(b"a=b")
    signed = chain.signed_header(1)
    signed["commit"]["signatures"][silent]["block_id_flag"] = 3
    if holds:
        assert prove_block(signed, 1, chain.trusted()).power == sum(powers) - powers[silent]
        return
    with pytest.raises(ProofError) as caught:
        prove_block(signed, 1, chain.trusted())
    assert caught.value.where == Step.SIGNATURES


def test_a_chain_of_the_liar_s_own_validators_is_not_believed():
    honest, own = Chain(), Chain((1,) * 8)
    own.seats = own.seats[4:]
    own.commit(b"record/x=forged")
    with pytest.raises(ProofError) as caught:
        prove_block(own.signed_header(1), 1, honest.trusted())
    assert caught.value.where == Step.VALIDATORS


@pytest.mark.parametrize(
    ("chain", "height", "step"),
    [("battery-test-2", 409, Step.CHAIN_AND_HEIGHT), ("battery-test-1", 410, Step.CHAIN_AND_HEIGHT)],
)
def test_chain_and_height_are_those_asked_for(chain: str, height: int, step: Step):
    with pytest.raises(ProofError) as caught:
        prove_block(FULL, height, TrustedSet(chain, TRUSTED.validators))
    assert caught.value.where == step


@pytest.mark.parametrize("part", ["header", "commit"])
def test_header_and_commit_are_both_of_the_height(part: str):
    with pytest.raises(ProofError) as caught:
        prove_block(_with(FULL, (part, "height"), "410"), 409, TRUSTED)
    assert caught.value.where == Step.CHAIN_AND_HEIGHT


def test_another_header_with_the_honest_commit_fails_at_the_header():
    swapped = {"header": {**SIGNED[411]["header"], "height": "409"}, "commit": FULL["commit"]}
    with pytest.raises(ProofError) as caught:
        prove_block(swapped, 409, TRUSTED)
    assert caught.value.where == Step.BLOCK_HEADER


@pytest.mark.parametrize("total", range(1, 40))
def test_paths_order_leaves_and_none_is_the_start_of_another(total: int):
    paths = [path_to(index, total) for index in range(total)]
    assert paths == sorted(paths)
    assert not any(longer[: len(short)] == short for short in paths for longer in paths if longer is not short)


@pytest.mark.parametrize(("index", "total"), [(0, 0), (1, 1), (-1, 4), (4, 4)])
def test_a_leaf_outside_its_tree_has_no_path(index: int, total: int):
    with pytest.raises(ProofError):
        path_to(index, total)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FUZZ = settings(deadline=None, derandomize=True, max_examples=200)
PLACES = list(_leaves({"block": FULL, "tx": TRANSACTIONS[0]}))


@FUZZ
@given(JSON)
def test_any_answer_is_judged_without_a_traceback(answer: Any):
    with pytest.raises(ProofError):
        prove_block(answer, 409, TRUSTED)
    with pytest.raises(ProofError):
        parse_transaction(answer)


@FUZZ
@given(st.sampled_from([place[:cut] for place in PLACES for cut in range(2, len(place) + 1)]), JSON)
def test_any_value_anywhere_is_judged_without_a_traceback(place: Place, value: Any):
    answers = _with({"block": FULL, "tx": TRANSACTIONS[0]}, place, value)
    try:
        block = prove_block(answers["block"], 409, TRUSTED)
        proven = prove_transaction(parse_transaction(answers["tx"]), block)
    except ProofError as error:
        assert error.where in set(Step)
        return
    assert proven.tx == base64.b64decode(TRANSACTIONS[0]["tx"])
    assert TRUSTED.is_quorum(block.power)

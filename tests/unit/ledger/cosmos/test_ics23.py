"""Proofs of state that ledgerd made (ledgerd/proofs_test.go) hold. What differs from them in a byte proves nothing."""

import base64
import copy
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.artifacts.own_source import REPOSITORY
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cosmos import ics23
from nodeops.ledger.cosmos.codec import decode, encode
from nodeops.ledger.cosmos.ics23 import StateStep, prove_state

CASES = {case["name"]: case for case in json.loads((REPOSITORY / "ledgerd" / "testdata" / "proofs.json").read_text())}
PRESENT = [name for name, case in CASES.items() if case["present"]]
ABSENT = [name for name, case in CASES.items() if not case["present"]]


def proven(case: dict[str, Any], **other: Any) -> bytes | None:
    facts = {"store": case["store"], "key": bytes.fromhex(case["key"]), "height": case["height"]}
    facts |= {"app_hash": bytes.fromhex(case["app_hash"])} | other
    return prove_state(case["response"], **facts)


def ops(case: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = case["response"]["proofOps"]["ops"]
    return found


def proof_in(name: str, op: int = 0) -> ics23._Proof:
    return decode(ics23._Proof, base64.b64decode(ops(CASES[name])[op]["data"]))


def with_proof(name: str, proof: Any, op: int = 0, value: bytes = b"") -> dict[str, Any]:
    """The same case with another proof in it."""
    changed = copy.deepcopy(CASES[name])
    ops(changed)[op]["data"] = base64.b64encode(proof if isinstance(proof, bytes) else encode(proof)).decode()
    changed["response"]["value"] = base64.b64encode(value).decode()
    return changed


@pytest.mark.parametrize("name", PRESENT)
def test_a_value_is_proven(name: str) -> None:
    assert proven(CASES[name]) == base64.b64decode(CASES[name]["response"]["value"] or "")


@pytest.mark.parametrize("name", ABSENT)
def test_an_absence_is_proven(name: str) -> None:
    assert proven(CASES[name]) is None


@pytest.mark.parametrize("name", CASES)
def test_we_take_what_the_sdk_takes_and_what_has_no_value_besides(name: str) -> None:
    assert CASES[name]["accepted_by_sdk"] == ("without a value" not in name and name != "an empty store")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("other", "step"),
    [
        ({"key": b"\x01another"}, StateStep.ANSWER),
        ({"height": 4}, StateStep.ANSWER),
        ({"store": "bank2"}, StateStep.STORE),
        ({"app_hash": bytes(32)}, StateStep.APP_HASH),
        ({"app_hash": b""}, StateStep.APP_HASH),
    ],
)
def test_an_answer_to_another_question(name: str, other: dict[str, Any], step: StateStep) -> None:
    with pytest.raises(ProofError) as refused:
        proven(CASES[name], **other)
    assert refused.value.where == step


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_changed_byte_proves_nothing_else(name: str, data: st.DataObject) -> None:
    truth = proven(CASES[name])
    op = data.draw(st.sampled_from([0, 1]))
    raw = bytearray(base64.b64decode(ops(CASES[name])[op]["data"]))
    place, byte = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 255))
    kind = data.draw(st.sampled_from(["change", "insert", "remove", "cut"]))
    changed = {
        "change": raw[:place] + bytes([byte]) + raw[place + 1 :],
        "insert": raw[:place] + bytes([byte]) + raw[place:],
        "remove": raw[:place] + raw[place + 1 :],
        "cut": raw[:place],
    }[kind]
    value = base64.b64decode(CASES[name]["response"]["value"] or "")
    case = with_proof(name, bytes(changed), op, value)
    if changed == raw:
        assert proven(case) == truth
        return
    with pytest.raises(ProofError):
        proven(case)


@pytest.mark.parametrize("name", PRESENT)
@given(value=st.binary(max_size=8))
def test_another_value_is_refused(name: str, value: bytes) -> None:
    proof = proof_in(name)
    assert proof.existence is not None
    if value == proof.existence.value:
        return
    for forged in (proof, replace(proof, existence=replace(proof.existence, value=value))):
        with pytest.raises(ProofError):
            proven(with_proof(name, forged, value=value))


NONSENSE: list[Any] = [None, 5, [], {}, {"key": "", "value": "", "height": "5", "proofOps": None}, {"height": "-1"}]


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_refused(answer: Any) -> None:
    with pytest.raises(ProofError) as refused:
        prove_state(answer, "acc", b"\x01", 5, bytes(32))
    assert refused.value.where == StateStep.ANSWER


@given(data=st.binary(max_size=200), other=st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes, other: bytes) -> None:
    case = with_proof("no account", data)
    ops(case)[1]["data"] = base64.b64encode(other).decode()
    with pytest.raises(ProofError):
        proven(case)


# What a liar builds of true parts: each leaf and each path is real, and yet it proves no absence.
def absence(**parts: Any) -> ics23._Proof:
    found = proof_in("no account").absence
    assert found is not None
    return ics23._Proof(None, replace(found, **parts))


def account(name: str) -> ics23._Existence:
    found = proof_in(name).existence
    assert found is not None
    return found


WRITER, SILENT = account("an account that has written"), account("an account that has not")
LOW, HIGH = sorted((WRITER, SILENT), key=lambda leaf: leaf.key)


def shown(side: str) -> ics23._Existence:
    found = proof_in("no account").absence
    assert found is not None
    leaf: ics23._Existence = getattr(found, side)
    return leaf


LIES = {
    "no neighbour": ({"left": None, "right": None}, StateStep.STORE),
    "the left one only": ({"right": None}, StateStep.NEIGHBOURS),
    "the right one only": ({"left": None}, StateStep.NEIGHBOURS),
    "the two exchanged": ({"left": shown("right"), "right": shown("left")}, StateStep.NEIGHBOURS),
    "the left one twice": ({"right": shown("left")}, StateStep.NEIGHBOURS),
    "one of another tree": ({"left": replace(shown("left"), value=b"x")}, StateStep.NEIGHBOURS),
    "about another key": ({"key": b"\x01another"}, StateStep.ANSWER),
    "a leaf without an operation": ({"left": replace(shown("left"), leaf=None)}, StateStep.LEAF),
    "a path too long": ({"left": replace(shown("left"), path=shown("left").path * 40)}, StateStep.PATH),
}


@pytest.mark.parametrize("name", LIES)
def test_no_absence_is_made_of_true_parts(name: str) -> None:
    parts, step = LIES[name]
    with pytest.raises(ProofError) as refused:
        proven(with_proof("no account", absence(**parts)))
    assert refused.value.where == step


def test_a_key_that_exists_is_not_absent_between_leaves_further_apart() -> None:
    """Leave out what stands between: the accounts beside it on either side are true, and do not touch."""
    everything = [WRITER, SILENT, shown("left"), shown("right")]
    ordered = sorted({leaf.key: leaf for leaf in everything}.values(), key=lambda leaf: leaf.key)
    low, middle, high = ordered[0], ordered[1], ordered[-1]
    lie = ics23._Proof(None, ics23._Absence(middle.key, low, high))
    case = with_proof("no account", lie)
    case["response"]["key"] = base64.b64encode(middle.key).decode()
    with pytest.raises(ProofError) as refused:
        proven(case, key=middle.key)
    assert refused.value.where == StateStep.NEIGHBOURS


def test_an_inner_node_is_no_leaf() -> None:
    """The bytes of an inner node, cut so that a part of them looks like a key."""
    step = WRITER.path[0]
    assert step.prefix[:1] != b"\0"
    leaf = WRITER.leaf
    assert leaf is not None
    forged = replace(WRITER, leaf=replace(leaf, prefix=step.prefix[:3]), path=WRITER.path[1:])
    with pytest.raises(ProofError) as refused:
        proven(with_proof("an account that has written", ics23._Proof(forged, None), value=WRITER.value))
    assert refused.value.where == StateStep.LEAF


def test_an_empty_store_is_one_whose_root_is_the_hash_of_nothing() -> None:
    listed = proof_in("an empty store", 1).existence
    assert listed is not None
    assert listed.value == hashlib.sha256(b"").digest()

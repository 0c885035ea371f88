"""Votes that a real chain kept, read downwards by hashes, and the same answers bent into lies.

Real evidence of a double vote is in `tests/unit/sla/test_on_a_chain.py`.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from nodeops.ledger.answers import Validator, ValidatorSet
from nodeops.ledger.cometbft.double_votes import NO_EVIDENCE, double_votes
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cometbft.trust import TrustedSet, trusted_set
from nodeops.ledger.cometbft.votes import ValidatorSets, Votes, kept_votes
from tests.unit.ledger.ledgerd_process import CHAIN
from tests.unit.records.author_chain import recorded

RECORDED = recorded()
ANSWERS = {height: RECORDED["answers"][f"commit {height}"]["signed_header"] for height in range(1, 13)}
TOP = max(ANSWERS)
GENESIS: TrustedSet = trusted_set(json.dumps(RECORDED["genesis"]).encode(), CHAIN, "genesis.json")
Lie = Callable[[dict[int, Any]], object]
(VALIDATOR,) = GENESIS.validators


class Node:
    def signed_header(self, height: int) -> dict[str, Any]:
        return dict(ANSWERS[height])

    def validators(self, height: int | None = None) -> ValidatorSet:
        return ValidatorSet(height or 0, GENESIS.validators)


def read(
    lie: Callable[[dict[int, Any]], object] = lambda _: None, shown: Callable[[int], ValidatorSet] | None = None
) -> list[Votes]:
    answers = copy.deepcopy(ANSWERS)
    lie(answers)
    top = Follower(GENESIS, Node()).block(TOP)
    found = [answers[height] for height in sorted(answers, reverse=True)]
    return list(kept_votes(found, top, 1, ValidatorSets(CHAIN, shown or Node().validators)))


def test_votes_for_every_block_below_the_proven_one() -> None:
    found = read()
    assert [one.height for one in found] == list(range(TOP - 1, 0, -1))
    assert all(one.voted == one.validators == {VALIDATOR.address} for one in found)
    assert all(one.kept_by == VALIDATOR.address and one.evidence_hash == NO_EVIDENCE for one in found)
    assert [one.hash for one in found] == [ANSWERS[one.height]["commit"]["block_id"]["hash"] for one in found]


def _vote(change: dict[str, Any]) -> Lie:
    return lambda answers: answers[5]["commit"]["signatures"][0].update(change)


ABSENT = {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": None}
LIES: dict[str, tuple[Lie, str]] = {
    "a vote is left out": (_vote(ABSENT), "the votes for block 5 are not those"),
    "a vote is for nothing": (_vote({"block_id_flag": 3}), "the votes for block 5 are not those"),
    "a vote is another's": (_vote({"validator_address": "0" * 40}), "the votes for block 5 are not those"),
    "a vote is of another time": (_vote({"timestamp": "2026-01-01T00:00:00Z"}), "the votes for block 5 are not those"),
    "a vote comes twice": (
        lambda answers: answers[5]["commit"]["signatures"].append(answers[5]["commit"]["signatures"][0]),
        "the votes for block 5 are not those",
    ),
    "no votes": (lambda answers: answers[5]["commit"].update(signatures=[]), "the votes for block 5 are not those"),
    "votes of another block": (
        lambda answers: answers[5].update(commit=answers[4]["commit"]),
        "the votes for block 5 are not those",
    ),
    "another proposer": (lambda answers: answers[5]["header"].update(proposer_address="0" * 40), "block 5 is not the one"),
    "another time": (lambda answers: answers[5]["header"].update(time="2026-01-01T00:00:00Z"), "block 5 is not the one"),
    "a block is left out": (lambda answers: answers.pop(5), "another header than that of block 5"),
    "the lowest block is left out": (lambda answers: answers.pop(1), "the node ends its headers above block 1"),
    "no header": (lambda answers: answers[5].pop("header"), "header"),
}


@pytest.mark.parametrize(("lie", "says"), LIES.values(), ids=LIES)
def test_a_lie_is_caught(lie: Lie, says: str) -> None:
    with pytest.raises(ProofError, match=says):
        read(lie)


@pytest.mark.parametrize(
    "validators",
    [
        [],
        [Validator(VALIDATOR.address, VALIDATOR.public_key, VALIDATOR.power + 1)],
        [VALIDATOR, VALIDATOR],
        [Validator(VALIDATOR.address, VALIDATOR.public_key, VALIDATOR.power + (1 << 64))],
    ],
)
def test_validators_that_a_header_does_not_name_are_refused(validators: list[Validator]) -> None:
    with pytest.raises(ProofError, match="validators that the node shows are not those that the header names"):
        read(shown=lambda height: ValidatorSet(height, validators))


@pytest.mark.parametrize("block", [{}, {"block": {"evidence": {"evidence": [{"type": "x", "value": {}}]}}}])
def test_evidence_in_no_known_form_is_refused(block: Any) -> None:
    with pytest.raises(ProofError):
        double_votes(block, NO_EVIDENCE)


def test_a_block_without_evidence() -> None:
    assert double_votes({"block": {"evidence": {"evidence": None}}}, NO_EVIDENCE) == []
    with pytest.raises(ProofError, match="does not hold this evidence"):
        double_votes({"block": {"evidence": {"evidence": []}}}, b"\1" * 32)

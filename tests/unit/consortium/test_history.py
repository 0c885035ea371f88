"""Proposals and votes out of transactions: only what somebody signed is told of them."""

import base64
import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodeops.consortium import history
from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.protowire import blob, integer, message
from nodeops.ledger.cosmos.messages import Packed, Vote, pack, propose, self_send
from nodeops.ledger.cosmos.revision import mark_of
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.cosmos.tx import Signer, sign
from tests.unit.consortium.samples import first

CHAIN = "made-up-1"
NUMBERS = {"alpha": 1, "beta": 2}
MARK = mark_of(first())


def key(name: str) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


NAMES = {key(name).address: name for name in NUMBERS}
SUBMITTED = base64.b64encode(message(2, blob(1, b"/x") + blob(2, integer(1, 7)))).decode()
EXECUTED = {
    "type": "cosmos.group.v1.EventExec",
    "attributes": [
        {"key": "proposal_id", "value": '"7"'},
        {"key": "result", "value": '"PROPOSAL_EXECUTOR_RESULT_SUCCESS"'},
    ],
}


def row(height: int, who: str, *contents: Packed, chain: str = CHAIN, **result: Any) -> dict[str, Any]:
    raw = sign(contents, [Signer(key(who), NUMBERS[who], height)], chain)
    return {"height": str(height), "tx": base64.b64encode(raw).decode(), "tx_result": {"code": 0, **result}}


def proposal(who: str) -> Packed:
    return propose(key(who).address, (self_send(key(who).address),), MARK.text(), "title", "summary")


def vote(who: str, option: int = 1) -> Packed:
    return pack(Vote(7, key(who).address, option))


def told(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    def call(_: str, *, query: str, **__: Any) -> dict[str, Any]:
        mine = [one for one in rows if query == "message.action='/cosmos.group.v1.MsgVote'"]
        return {"txs": mine, "total_count": str(len(mine))}

    monkeypatch.setattr(history, "account", lambda _, who: SimpleNamespace(number=NUMBERS[NAMES[who]]))
    driver: Any = SimpleNamespace(rpc=SimpleNamespace(call=call), chain=CHAIN)
    return [one.as_dict() for one in history.history(driver, NAMES)]


def test_who_proposed_who_voted_and_when_it_was_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(9, "beta", vote("beta"), events=[EXECUTED]), row(5, "alpha", proposal("alpha"), data=SUBMITTED)]
    (found,) = told(monkeypatch, *rows)
    assert (found["proposal"], found["proposer"], found["height"], found["executed"]) == (7, "alpha", 5, 9)
    assert (found["revision"], found["digest"]) == (1, MARK.digest)
    assert found["votes"] == {"alpha": {"vote": "yes", "height": 5}, "beta": {"vote": "yes", "height": 9}}


@pytest.mark.parametrize(
    "other",
    [
        row(6, "beta", vote("beta", 3), code=5),
        row(6, "beta", self_send(key("beta").address)),
        {"height": "6", "tx": "AAAA", "tx_result": {"code": 0}},
        row(6, "alpha", vote("beta")),
    ],
    ids=["refused by the chain", "something else", "in another form", "in another's name"],
)
def test_what_is_no_vote_is_passed_over(monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]) -> None:
    (found,) = told(monkeypatch, row(5, "alpha", proposal("alpha"), data=SUBMITTED), other)
    assert set(found["votes"]) == {"alpha"}


def test_a_transaction_with_more_in_it_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of several messages is what a member with tools of its own can send, in the midst of all others'."""
    answers = b"".join(message(2, blob(1, b"/x") + blob(2, one)) for one in (b"", integer(1, 8), integer(1, 9)))
    data = base64.b64encode(answers).decode()
    several = row(6, "beta", self_send(key("beta").address), proposal("beta"), proposal("beta"), data=data)
    rows = [row(5, "alpha", proposal("alpha"), data=SUBMITTED), several]
    assert [(one["proposal"], one["proposer"]) for one in told(monkeypatch, *rows)] == [(7, "alpha"), (8, "beta"), (9, "beta")]


def test_a_vote_that_nobody_signed_is_an_untrue_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HostError, match="nobody signed it"):
        told(monkeypatch, row(6, "beta", vote("beta"), chain="other-1"))


UNTRUE = [{}, {"txs": [1], "total_count": "1"}, {"txs": [{"height": "x", "tx_result": {}}], "total_count": "1"}, {"txs": None}]


@pytest.mark.parametrize("answer", UNTRUE)
def test_an_answer_that_is_no_list_is_untrue(answer: Any) -> None:
    driver: Any = SimpleNamespace(rpc=SimpleNamespace(call=lambda *_, **__: answer), chain=CHAIN)
    with pytest.raises(HostError, match="cannot be true"):
        history.history(driver, NAMES)

"""A real ledgerd takes what is signed here, refuses a stranger, and lets two of three organisations decide."""

import base64
from collections.abc import Iterator

import pytest

from nodeops.core.errors import HostError
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cosmos.account import LIFE_BLOCKS, WRONG_SEQUENCE, account, send
from nodeops.ledger.cosmos.messages import (
    YES,
    Member,
    Packed,
    Vote,
    pack,
    propose,
    schedule_upgrade,
    self_send,
    unpack,
    update_members,
)
from nodeops.ledger.cosmos.tx import Signer, read, sign, signed_by
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, running_ledgerd

ALPHA, BETA, GAMMA = map(organisation_key, ("alpha", "beta", "gamma"))
# types/errors/errors.go of cosmos-sdk at tag v0.53.8: ErrTxTimeoutHeight.
TIMEOUT_HEIGHT = 30
NUMBERS = {"alpha": 1, "beta": 2, "gamma": 3}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CometBft]:
    with running_ledgerd(tmp_path_factory.mktemp("ledgerd")) as started:
        yield CometBft(Rpc(started.url), started.chain)


@pytest.mark.lab
def test_what_is_sent_is_read_back_with_its_signer(node: CometBft) -> None:
    before = account(node, GAMMA.address)
    assert before is not None
    assert before.number == NUMBERS["gamma"]
    sent = send(node, CHAIN, GAMMA, [self_send(GAMMA.address)], "a memo")
    assert (sent.code, sent.sequence) == (0, before.sequence)
    raw = base64.b64decode(node.transaction(sent.hash)["tx"])
    found = read(raw)
    assert (found.hash, found.memo, found.messages) == (sent.hash, "a memo", (self_send(GAMMA.address),))
    assert 0 < found.timeout_height - sent.height <= LIFE_BLOCKS
    (signer,) = found.signers
    assert (signer.address, signer.sequence) == (GAMMA.address, before.sequence)
    assert signed_by(found, signer, CHAIN, before.number)
    assert not signed_by(found, signer, "another-1", before.number)
    assert not signed_by(found, signer, CHAIN, before.number + 1)
    after = account(node, GAMMA.address)
    assert after is not None
    assert after.sequence == before.sequence + 1


@pytest.mark.lab
def test_a_stranger_and_a_used_number_are_refused(node: CometBft) -> None:
    stranger = organisation_key("stranger")
    assert account(node, stranger.address) is None
    with pytest.raises(HostError, match="knows no account of this key"):
        send(node, CHAIN, stranger, [self_send(stranger.address)])
    sent = send(node, CHAIN, BETA, [self_send(BETA.address)])
    again = sign([self_send(BETA.address)], [Signer(BETA, NUMBERS["beta"], sent.sequence)], CHAIN, "another")
    with pytest.raises(ApplicationRefused) as refused:
        node.broadcast(again)
    assert refused.value.code == WRONG_SEQUENCE


@pytest.mark.lab
def test_what_was_held_back_past_its_last_block_is_worth_nothing(node: CometBft) -> None:
    before = account(node, BETA.address)
    assert before is not None
    sign_beta = [Signer(BETA, before.number, before.sequence)]
    with pytest.raises(ApplicationRefused) as refused:
        node.broadcast(sign([self_send(BETA.address)], sign_beta, CHAIN, timeout_height=node.status().height - 1))
    assert refused.value.code == TIMEOUT_HEIGHT


@pytest.mark.lab
def test_two_of_three_decide(node: CometBft) -> None:
    """Every kind of message that a proposal is made of here is one that the chain reads as we wrote it."""
    wanted: list[Packed] = [
        schedule_upgrade("next", 1_000_000),
        update_members((Member(organisation_key("delta").address, "1"),)),
    ]
    for packed in wanted:
        assert pack(unpack(packed)) == packed
    assert send(node, CHAIN, ALPHA, [propose(ALPHA.address, tuple(wanted), "text", "title", "summary")]).code == 0
    plan = "/cosmos.upgrade.v1beta1.Query/CurrentPlan"
    assert not node.state(plan).get("value")
    assert send(node, CHAIN, BETA, [pack(Vote(1, BETA.address, YES))]).code == 0
    assert b"next" in base64.b64decode(node.state(plan)["value"])

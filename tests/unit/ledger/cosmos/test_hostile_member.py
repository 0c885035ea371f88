"""What a member with a good key of its own cannot do to the others, tried on a real ledgerd."""

import base64
from collections.abc import Iterator, Sequence

import pytest

from nodeops.consortium.enlist import creation, fund, operator_address, operator_key
from nodeops.consortium.propose import gas_for
from nodeops.core.errors import HostError
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cosmos import group
from nodeops.ledger.cosmos.account import WRONG_SEQUENCE, account, send
from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.app_state import DENOMINATION, DUST
from nodeops.ledger.cosmos.codec import encode
from nodeops.ledger.cosmos.messages import (
    NO,
    YES,
    Coin,
    Delegate,
    Packed,
    Send,
    Undelegate,
    UpdatePolicyMetadata,
    Vote,
    pack,
    propose,
    schedule_upgrade,
    self_send,
)
from nodeops.ledger.cosmos.revision import Mark
from nodeops.ledger.cosmos.tx import Signer, sign
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, running_ledgerd
from tests.unit.ledger.made_keys import pair

GAMMA, ALPHA, BETA = (organisation_key(name) for name in ("gamma", "alpha", "beta"))
# cosmos-sdk v0.53.8, types/errors/errors.go: unauthorized, invalid public key, no signatures.
SIGNATURE_REFUSED = {4, 8, 15}

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CometBft]:
    with running_ledgerd(tmp_path_factory.mktemp("hostile")) as started:
        yield CometBft(Rpc(started.url), started.chain)


def signer(node: CometBft, more: int = 0) -> Signer:
    found = account(node, GAMMA.address)
    assert found is not None
    return Signer(GAMMA, found.number, found.sequence + more)


def refused(node: CometBft, raw: bytes) -> int:
    with pytest.raises(ApplicationRefused) as error:
        node.broadcast(raw)
    return error.value.code


def coins(node: CometBft, address: str) -> int:
    asked = encode(Send(address, DENOMINATION, ()))
    answer = node.state("/cosmos.bank.v1beta1.Query/Balance", asked)
    return int(base64.b64decode(answer["value"]).rpartition(b"\x12")[2][1:])


@pytest.mark.parametrize("more", [1, 5, 1_000_000])
def test_a_number_that_is_not_next_is_refused(node: CometBft, more: int) -> None:
    assert refused(node, sign([self_send(GAMMA.address)], [signer(node, more)], CHAIN)) == WRONG_SEQUENCE


def test_a_transaction_of_another_chain_or_account_is_refused(node: CometBft) -> None:
    own = signer(node)
    assert refused(node, sign([self_send(GAMMA.address)], [own], "battery-1")) in SIGNATURE_REFUSED
    other = Signer(GAMMA, own.number - 1, own.sequence)
    assert refused(node, sign([self_send(GAMMA.address)], [other], CHAIN)) in SIGNATURE_REFUSED


@pytest.mark.parametrize(
    "messages",
    [
        [pack(Send(ALPHA.address, GAMMA.address, (Coin(amount="1000"),)))],
        [self_send(ALPHA.address)],
        [self_send(GAMMA.address), self_send(ALPHA.address)],
        [pack(Vote(1, ALPHA.address, YES))],
        [schedule_upgrade("next", 1_000_000)],
        [pack(Delegate(policy_address(), "ledgervaloper1x", Coin(amount="1000000")))],
    ],
    ids=["coins of another", "a record of another", "beside one of its own", "a vote of another", "the policy's order", "power"],
)
def test_nothing_is_done_in_the_name_of_another(node: CometBft, messages: Sequence[Packed]) -> None:
    """So nobody can spend what another needs for its records."""
    before = coins(node, ALPHA.address)
    refused(node, sign(messages, [signer(node)], CHAIN))
    assert coins(node, ALPHA.address) == before == DUST


def test_the_same_transaction_counts_once(node: CometBft) -> None:
    raw = sign([self_send(GAMMA.address)], [signer(node)], CHAIN, "once")
    node.broadcast(raw)
    with pytest.raises(HostError):
        node.broadcast(raw)
    before = account(node, GAMMA.address)
    sent = send(node, CHAIN, GAMMA, [self_send(GAMMA.address)])
    after = account(node, GAMMA.address)
    assert before is not None
    assert after is not None
    assert after.sequence == sent.sequence + 1
    with pytest.raises(HostError):
        node.broadcast(raw)


def test_a_proposal_of_one_does_nothing_and_others_go_on(node: CometBft) -> None:
    orders = (schedule_upgrade("next", 1_000_000), pack(Send(policy_address(), GAMMA.address, (Coin(amount="5000000"),))))
    assert send(node, CHAIN, GAMMA, [propose(GAMMA.address, orders, "", "all power", "mine")]).code == 0
    assert coins(node, GAMMA.address) <= DUST
    assert send(node, CHAIN, ALPHA, [self_send(ALPHA.address)]).code == 0


def test_texts_that_are_no_utf8_leave_the_others_their_lists(node: CometBft) -> None:
    made = propose(GAMMA.address, (schedule_upgrade("next", 1_000_000),), "", "ZZZZ", "mine")
    broken = Packed(made.url, made.value.replace(b"ZZZZ", b"\xff\xfe\xc3("))
    before = {one.number for one in group.proposals(node)}
    assert send(node, CHAIN, GAMMA, [broken]).code == 0
    (found,) = [one for one in group.proposals(node) if one.number not in before]
    assert (found.title, found.title.isprintable()) == ("\udcff\udcfe\udcc3(", False)
    vote = pack(Vote(found.number, BETA.address, NO, "ZZZZ"))
    assert send(node, CHAIN, BETA, [Packed(vote.url, vote.value.replace(b"ZZZZ", b"\xff\xfe\xc3("))]).code == 0
    assert {one.voter for one in group.votes(node, found.number)} == {GAMMA.address, BETA.address}


def test_what_one_proposes_keeps_no_other_from_being_executed(node: CometBft) -> None:
    """A revision in force ends all others, which costs by their bytes."""
    large = propose(GAMMA.address, (schedule_upgrade("next", 1_000_000, "x" * 7_000),), "", "large", "mine")
    for _ in range(5):
        assert send(node, CHAIN, GAMMA, [large], gas=gas_for(4)).code == 0
    text = Mark(2, "2" * 64).text()
    orders = (pack(UpdatePolicyMetadata(policy_address(), policy_address(), text)),)
    before = {one.number for one in group.proposals(node)}
    assert send(node, CHAIN, ALPHA, [propose(ALPHA.address, orders, text, "revision 2", "ours")], gas=gas_for(1)).code == 0
    (number,) = {one.number for one in group.proposals(node)} - before
    vote = [pack(Vote(number, BETA.address, YES))]
    assert send(node, CHAIN, BETA, vote, gas=gas_for(1)).code != 0
    assert send(node, CHAIN, BETA, vote, gas=gas_for(1, group.proposals(node))).code == 0
    assert group.proposal(node, number) is None


def decided(node: CometBft, orders: Sequence[Packed]) -> None:
    """Let two of three agree to orders."""
    before = {one.number for one in group.proposals(node)}
    assert send(node, CHAIN, ALPHA, [propose(ALPHA.address, tuple(orders), "", "orders", "ours")], gas=gas_for(1)).code == 0
    (number,) = {one.number for one in group.proposals(node)} - before
    assert send(node, CHAIN, BETA, [pack(Vote(number, BETA.address, YES))], gas=gas_for(1, group.proposals(node))).code == 0
    assert group.proposal(node, number) is None


def test_who_shuts_its_own_validator_out_keeps_no_power(node: CometBft) -> None:
    """Less than a unit of power is lent here, because this chain of one validator would wait for it."""
    key = pair("gamma-1")[1]
    operator, lent = operator_key(GAMMA, CHAIN, key), Coin(amount="500000")
    validator = operator_address(operator)
    assert send(node, CHAIN, GAMMA, [fund(GAMMA, operator)]).code == 0
    assert send(node, CHAIN, operator, [creation(operator, "gamma-1", key)]).code == 0
    decided(node, [pack(Delegate(policy_address(), validator, lent))])
    assert send(node, CHAIN, operator, [pack(Undelegate(operator.address, validator, Coin(amount="1")))]).code == 0
    (found,) = [one for one in group.validators(node) if one.operator == validator]
    assert (found.jailed, found.tokens) == (1, "500000")
    decided(node, [pack(Undelegate(policy_address(), validator, lent))])
    assert all(int(one.tokens) == 0 for one in group.validators(node) if one.operator == validator)

"""Accounts are proven through a node: from answers that ledgerd made, and from one that runs."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from nodeops.core.errors import HostError, InputError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.proof import ProofError, ProvenBlock, prove_block
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.trust import trusted_set
from nodeops.ledger.cosmos.account import send
from nodeops.ledger.cosmos.address import ACCOUNT, OPERATOR, address_bytes, bech32
from nodeops.ledger.cosmos.ics23 import StateStep
from nodeops.ledger.cosmos.messages import self_send
from nodeops.ledger.cosmos.state import ProvenAccount, ProvenState
from nodeops.ledger.driver import Driver
from tests.unit.ledger.cosmos.test_ics23 import CASES
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, running_ledgerd

BLOCK = ProvenBlock(6, "2026-11-01T00:00:00Z", "B" * 64, bytes(32), b"", bytes(32), 4, 4, ())


class Told:
    """A driver that knows the answers of the cases, and the block that proves them."""

    def __init__(self) -> None:
        self.answers = {(case["store"], case["key"]): copy.deepcopy(case["response"]) for case in CASES.values()}
        self.app_hash = bytes.fromhex(CASES["no account"]["app_hash"])

    def state(self, path: str, data: bytes, **_: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.answers[path.split("/")[2], data.hex()]
        return found

    def block(self, height: int) -> ProvenBlock:
        assert height == BLOCK.height
        return replace(BLOCK, app_hash=self.app_hash)

    def reader(self) -> ProvenState:
        return ProvenState(cast("Driver", self), self.block)


def address_in(name: str) -> str:
    return bech32(ACCOUNT, bytes.fromhex(CASES[name]["key"])[1:])


def test_an_account_has_its_number_its_sequence_and_its_key() -> None:
    found = Told().reader().account(address_in("an account that has written"), 5)
    assert found is not None
    assert (found.number, found.sequence) == (3, 3)
    assert found.public_key is not None
    assert len(found.public_key) == 32


def test_no_account_is_proven_too() -> None:
    assert Told().reader().account(address_in("no account"), 5) is None


def test_a_node_that_denies_an_account_is_caught() -> None:
    """It answers with the proof that somebody else has none."""
    told = Told()
    truth, other = CASES["an account that has written"], CASES["no account"]
    for answer in (other["response"], {**other["response"], "key": truth["response"]["key"]}):
        told.answers["acc", truth["key"]] = answer
        with pytest.raises(ProofError) as refused:
            told.reader().account(address_in("an account that has written"), 5)
        assert refused.value.where == StateStep.ANSWER


def test_a_node_that_shows_another_state_is_caught() -> None:
    told = Told()
    told.app_hash = bytes(32)
    with pytest.raises(ProofError) as refused:
        told.reader().account(address_in("no account"), 5)
    assert refused.value.where == StateStep.APP_HASH


def test_what_is_no_account_with_a_key_is_said() -> None:
    told = Told()
    one, other = CASES["a store of one leaf"], address_in("no account")
    told.answers["acc", (b"\x01" + address_bytes(other)).hex()] = one["response"]
    with pytest.raises(HostError):
        told.reader().account(other, 5)


@pytest.mark.parametrize(
    "text",
    ["", "1", "ledger", "ledger1", "ledger1qqqqqq", "ledger1é", address_in("no account")[:-1] + "q", bech32(OPERATOR, bytes(20))],
)
def test_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        address_bytes(text)


def test_an_address_is_its_bytes() -> None:
    for data in (bytes(20), bytes(range(20)), bytes(range(32))):
        assert address_bytes(bech32(ACCOUNT, data)) == data


@pytest.mark.lab
def test_a_running_ledgerd_proves_its_accounts(tmp_path: Path) -> None:
    gamma, stranger = organisation_key("gamma"), organisation_key("stranger")
    with running_ledgerd(tmp_path) as started:
        node = CometBft(Rpc(started.url), CHAIN)
        trusted = trusted_set((tmp_path / "config/genesis.json").read_bytes(), CHAIN, "genesis.json")
        reader = ProvenState(node, lambda height: prove_block(node.signed_header(height), height, trusted))
        started.wait_for_height(4)
        height = send(node, CHAIN, gamma, [self_send(gamma.address)], "a memo").height
        started.wait_for_height(height + 2)
        before, after = reader.account(gamma.address, height - 1), reader.account(gamma.address, height)
        assert (before, after) == (ProvenAccount(3, 0, gamma.public), ProvenAccount(3, 1, gamma.public))
        assert reader.account(stranger.address, height) is None
        with pytest.raises(HostError):
            reader.account(gamma.address, height + 1000)

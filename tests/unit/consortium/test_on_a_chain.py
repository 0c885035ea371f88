"""What a real ledgerd says of proposals and members: every page of it, and proven where a vote rests on it."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from nodeops.consortium.proven import proven_policy, proven_proposal
from nodeops.consortium.session import Session
from nodeops.consortium.voting.vote import chosen
from nodeops.core.errors import InputError
from nodeops.ledger.answers import LedgerStatus
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.trust import trusted_set
from nodeops.ledger.cosmos import group
from nodeops.ledger.cosmos.account import send
from nodeops.ledger.cosmos.codec import encode
from nodeops.ledger.cosmos.group_state import Proposal
from nodeops.ledger.cosmos.messages import propose, schedule_upgrade
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, running_ledgerd

ALPHA = organisation_key("alpha")
pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CometBft, Path]]:
    """Return a driver and the genesis of a chain with three open proposals."""
    with running_ledgerd(tmp_path_factory.mktemp("voting")) as started:
        driver = CometBft(Rpc(started.url), started.chain)
        for height in (1000, 2000, 3000):
            orders = (schedule_upgrade("next", height),)
            assert send(driver, CHAIN, ALPHA, [propose(ALPHA.address, orders, "", f"at {height}", "x")]).code == 0
        yield driver, started.home / "config/genesis.json"


def follower(chain: tuple[CometBft, Path]) -> Follower:
    driver, genesis = chain
    return Follower(trusted_set(genesis.read_bytes(), CHAIN, "genesis.json"), driver)


def test_all_pages_are_read_and_none_is_left_out_in_silence(
    chain: tuple[CometBft, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, _ = chain
    whole = group.members(driver), group.proposals(driver), group.validators(driver), group.votes(driver, 1)
    assert [len(part) for part in whole] == [3, 3, 1, 1]
    monkeypatch.setattr(group, "_PER_PAGE", 1)
    assert (group.members(driver), group.proposals(driver), group.validators(driver), group.votes(driver, 1)) == whole
    monkeypatch.setattr(group, "_MOST_PAGES", 2)
    with pytest.raises(group.HostError, match="has more than 2 entries"):
        group.proposals(driver)


def test_a_proposal_is_proven_and_so_is_that_there_is_none(chain: tuple[CometBft, Path]) -> None:
    driver, _ = chain
    for shown in group.proposals(driver):
        assert proven_proposal(driver, follower(chain).block, shown.number) == shown
    assert proven_proposal(driver, follower(chain).block, 4) is None
    assert proven_policy(driver, follower(chain).block)[0].threshold == 2


def test_a_proposal_that_our_node_has_not_heard_of_yet_is_waited_for(chain: tuple[CometBft, Path]) -> None:
    driver, _ = chain
    shown: list[Proposal | None] = [None, *group.proposals(driver)]
    at = cast(Session, SimpleNamespace(driver=driver, proposal=lambda _: shown.pop(0)))
    before = driver.status().height
    assert chosen(at, 1).number == 1
    assert driver.status().height >= before + 2
    with pytest.raises(InputError, match="the chain keeps no proposal 4"):
        chosen(cast(Session, SimpleNamespace(driver=driver, proposal=lambda _: None)), 4)
    with pytest.raises(InputError, match="3 proposals wait for votes") as several:
        chosen(at, None)
    assert several.value.allowed == "1, 2, 3"


class Young(CometBft):
    """A node whose chain has no block that would prove anything, the first times it is asked."""

    asked = 0

    def status(self) -> LedgerStatus:
        self.asked += 1
        return replace(super().status(), height=min(self.asked // 2, 1)) if self.asked < 4 else super().status()


def test_a_chain_that_has_just_been_started_is_waited_for(chain: tuple[CometBft, Path]) -> None:
    driver = Young(chain[0].rpc, chain[0].chain)
    policy, height = proven_policy(driver, follower(chain).block)
    assert (policy.threshold, height, driver.asked) == (2, 2, 4)


class Liar(CometBft):
    """A node that shows another proposal under a number, with the proof of the true one, or the one of another number."""

    how = ""

    def state(self, path: str, data: bytes = b"", *, height: int = 0, prove: bool = False) -> dict[str, object]:
        answer = super().state(path, data, height=height, prove=prove)
        if not prove or data[:1] != b"\x30":
            return answer
        if self.how == "another content":
            shown = group.proposal(CometBft(self.rpc, self.chain), 1)
            assert shown is not None
            return {**answer, "value": base64.b64encode(encode(replace(shown, title="harmless"))).decode()}
        other = data[:-1] + (b"\x02" if self.how == "another number" else b"\x09")
        return super().state(path, other, height=height, prove=prove)


@pytest.mark.parametrize("how", ["another content", "another number", "absent"])
def test_a_node_that_shows_another_proposal_is_caught(chain: tuple[CometBft, Path], how: str) -> None:
    driver, _ = chain
    liar = Liar(driver.rpc, driver.chain)
    liar.how = how
    with pytest.raises(ProofError):
        proven_proposal(liar, follower(chain).block, 1)

"""Who is live is what the chain recorded: no node chooses which votes to show, only how old the newest block is."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from nodeops.ledger.answers import Validator, ValidatorSet
from nodeops.ledger.cometbft.blocks import SignedHeader, commit_hash
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cometbft.recorded import Recorded, recorded
from tests.unit.ledger.linked_chain import Linked
from tests.unit.ledger.rpc_server import recorded as of_a_real_node

COMMITS = 5


@pytest.fixture(scope="module")
def chain() -> Linked:
    """Return a chain of twenty blocks whose last validator voted for none of the newest ten."""
    return Linked().grow(10).grow(10, silent=(3,))


class Shown:
    """A node that shows a chain, and may lie about each signed header."""

    def __init__(self, chain: Linked, lie: Callable[[int, Any], Any] = lambda _, answer: answer) -> None:
        self.chain, self.lie = chain, lie

    def signed_header(self, height: int) -> dict[str, Any]:
        found: dict[str, Any] = self.lie(height, self.chain.signed_header(height))
        return found

    def signed_headers(self, first: int, last: int) -> list[Any]:
        return [self.signed_header(height) for height in range(last, first - 1, -1)]

    def validators(self, height: int | None = None) -> ValidatorSet:
        return self.chain.validators(height)


def proven(node: Shown, height: int = 20, commits: int = COMMITS) -> Recorded:
    return recorded(Follower(node.chain.trusted(), node), node, height, commits)


def addresses(chain: Linked, *numbers: int) -> set[str]:
    return {chain.seats[number].address for number in numbers}


def test_the_votes_of_the_newest_blocks_are_proven_with_the_powers_that_vote_next(chain: Linked) -> None:
    found = proven(Shown(chain))
    assert (found.height, found.voted) == (20, addresses(chain, 0, 1, 2))
    assert found.powers == {seat.address: 1 for seat in chain.seats}
    assert found.time.timestamp() == pytest.approx(_seconds(chain, 20))


def _seconds(chain: Linked, height: int) -> float:
    return SignedHeader.model_validate(chain.signed_header(height)).header.time.seconds + 0.5


@pytest.mark.parametrize(
    ("height", "voted"), [(15, (0, 1, 2, 3)), (16, (0, 1, 2)), (10, (0, 1, 2, 3)), (3, (0, 1, 2, 3)), (1, ())]
)
def test_a_vote_counts_for_as_many_blocks_as_are_asked_for(chain: Linked, height: int, voted: tuple[int, ...]) -> None:
    assert proven(Shown(chain), height).voted == addresses(chain, *voted)


def hidden_vote(height: int, answer: Any) -> Any:
    if height == 18:
        answer["commit"]["signatures"][0] = answer["commit"]["signatures"][3]
    return answer


def made_up_vote(height: int, answer: Any) -> Any:
    if height == 18:
        answer["commit"]["signatures"][3] = {**answer["commit"]["signatures"][0], "validator_address": "AB" * 20}
    return answer


def old_votes(height: int, answer: Any) -> Any:
    """Show, above the newest settled votes, those of a block for which all had voted."""
    if height == 19:
        answer["commit"] = {**answer["commit"], "signatures": ALL_VOTED}
    return answer


def another_header(height: int, answer: Any) -> Any:
    if height == 17:
        answer["header"]["app_hash"] = "AA"
    return answer


def one_block_twice(height: int, answer: Any) -> Any:
    return copy.deepcopy(LIED_ABOUT.signed_header(18)) if height == 17 else answer


def nothing(height: int, answer: Any) -> Any:
    return None if height == 17 else answer


def no_quorum(height: int, answer: Any) -> Any:
    if height == 20:
        answer["commit"]["signatures"][1] = answer["commit"]["signatures"][3]
    return answer


LIED_ABOUT = Linked().grow(10).grow(10, silent=(3,))
ALL_VOTED = LIED_ABOUT.signed_header(5)["commit"]["signatures"]


@pytest.mark.parametrize(
    ("lie", "step"),
    [
        (hidden_vote, "signatures"),
        (made_up_vote, "signatures"),
        (old_votes, "signatures"),
        (another_header, "block header"),
        (one_block_twice, "chain and height"),
        (nothing, "answer"),
        (no_quorum, "signatures"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_node_that_shows_other_votes_than_the_chain_recorded_proves_nothing(lie: Any, step: str) -> None:
    with pytest.raises(ProofError) as caught:
        proven(Shown(LIED_ABOUT, lie))
    assert caught.value.where == step


def test_votes_for_the_newest_block_itself_count_for_nothing(chain: Linked) -> None:
    """Those are not settled: a node may leave out of them what it likes, as long as they are a quorum."""
    assert proven(Shown(chain), 11).voted == addresses(chain, 0, 1, 2, 3)
    assert proven(Shown(chain), 20, 0).voted == set()


def test_powers_that_no_proven_header_names_are_refused(chain: Linked) -> None:
    header = SignedHeader.model_validate(chain.signed_header(20)).header

    class Heavier(Shown):
        def validators(self, height: int | None = None) -> ValidatorSet:
            told = [Validator(one.address, one.public_key, 5) for one in self.chain.trusted().validators]
            return ValidatorSet(height or 21, told)

    follower = Follower(chain.trusted(), Heavier(chain))
    assert follower.next_validators(header) == chain.trusted()
    changed = header.model_copy(update={"next_validators_hash": b"x" * 32})
    with pytest.raises(ProofError, match="not those that the header names"):
        follower.next_validators(changed)


def test_a_real_header_names_the_real_votes_below_it() -> None:
    real = sorted((SignedHeader.model_validate(one["signed_header"]) for one in of_a_real_node("commit")), key=_height)
    assert len(real) > 1
    for below, above in pairwise(real):
        assert commit_hash(below.commit) == above.header.last_commit_hash


def _height(signed: SignedHeader) -> int:
    return signed.header.height

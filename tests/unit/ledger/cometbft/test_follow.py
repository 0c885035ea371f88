"""Validators are followed from the genesis to every height, as CometBFT's own light client follows them on the same chain.

The chain and the light client's verdicts are of ledgerd/light_test.go: four validators become seven, of the four none stays.
"""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nodeops.artifacts.own_source import REPOSITORY
from nodeops.core.errors import HostError
from nodeops.ledger.answers import Validator, ValidatorSet
from nodeops.ledger.cometbft import follow
from nodeops.ledger.cometbft.answers import ValidatorsPage
from nodeops.ledger.cometbft.blocks import leaf_hash
from nodeops.ledger.cometbft.follow import Follower, LightBlock, light_block
from nodeops.ledger.cometbft.kept import load, save
from nodeops.ledger.cometbft.proof import ProofError, Step
from nodeops.ledger.cometbft.trust import TrustedSet

CASES = json.loads((REPOSITORY / "ledgerd" / "testdata" / "light.json").read_text())
CHAIN = CASES["chain"]
HEADERS = dict(enumerate(CASES["signed_headers"], 1))
NEWEST = max(HEADERS)
ALTERED = CASES["alterations"][0]["height"]
SETS = {one["validators_hash"]: one["validators"] for one in CASES["sets"]}
Forgery = dict[str, Any]


def validators_in(raw: Any) -> list[Validator]:
    """As the driver reads them from an RPC."""
    try:
        page = ValidatorsPage.model_validate({"block_height": "1", "validators": raw, "total": str(len(raw))})
    except ValidationError as error:
        raise HostError("the answer cannot be true", where="validators") from error
    return [one.as_validator() for one in page.validators]


def raw_set(height: int) -> Any:
    return SETS[HEADERS[height]["header"]["validators_hash"]]


class Node:
    """A node that shows the chain, and what it was told to show instead. It counts what it is asked."""

    def __init__(self, missing: Sequence[int] = ()) -> None:
        self.headers = copy.deepcopy({height: one for height, one in HEADERS.items() if height not in missing})
        self.sets: dict[int, Any] = {}
        self.asked: list[int] = []

    def lie(self, height: int, header: Any, validators: Any) -> None:
        self.headers[height], self.sets[height] = header, validators

    def signed_header(self, height: int) -> dict[str, Any]:
        self.asked.append(height)
        if height not in self.headers:
            raise HostError(f"the ledger says: height {height} is not available", where="commit")
        found: dict[str, Any] = self.headers[height]
        return found

    def validators(self, height: int | None = None) -> ValidatorSet:
        assert height is not None
        return ValidatorSet(height, validators_in(self.sets.get(height) or raw_set(height)))


GENESIS = TrustedSet(CHAIN, tuple(validators_in(raw_set(1))))


def follower(node: Node, kept: Sequence[LightBlock] = (), keeps: list[Sequence[LightBlock]] | None = None) -> Follower:
    return Follower(GENESIS, node, kept, (keeps if keeps is not None else []).append)


@cache
def followed() -> list[LightBlock]:
    """What is kept after the way to the newest block."""
    keeps: list[Sequence[LightBlock]] = []
    follower(Node(), (), keeps).block(NEWEST)
    return list(keeps[-1])


def test_none_of_the_first_four_is_left() -> None:
    first, last = ({one["address"] for one in raw_set(height)} for height in (1, NEWEST))
    assert (len(first), len(last), first & last) == (4, 7, set())


@pytest.mark.parametrize("height", HEADERS)
def test_the_records_of_every_height_verify(height: int) -> None:
    block = follower(Node()).block(height)
    assert block.hash == HEADERS[height]["commit"]["block_id"]["hash"]
    assert block.data_hash == leaf_hash(hashlib.sha256(f"block {height}".encode()).digest())
    assert block.total_power == sum(int(one["voting_power"]) for one in raw_set(height))


@settings(max_examples=20)
@given(st.lists(st.sampled_from(sorted(HEADERS)), min_size=1, max_size=12))
def test_in_any_order(heights: list[int]) -> None:
    keeps: list[Sequence[LightBlock]] = []
    one = follower(Node(), (), keeps)
    for height in heights:
        assert one.block(height).hash == HEADERS[height]["commit"]["block_id"]["hash"]
    again = follower(Node(), keeps[-1] if keeps else (), keeps)
    assert all(again.block(height).height == height for height in heights)
    assert () not in keeps


def test_what_was_kept_is_not_followed_again() -> None:
    first, second = Node(), Node()
    follower(first).block(NEWEST)
    follower(second, followed()).block(NEWEST)
    assert second.asked == [NEWEST]
    assert len(first.asked) > 5


def test_a_way_through_blocks_that_the_node_does_not_have() -> None:
    """A node that joined late shows no old blocks: without what was kept it cannot be followed, and says so."""
    node = Node(missing=range(1, NEWEST))
    with pytest.raises(ProofError) as refused:
        follower(node).block(NEWEST)
    assert refused.value.where == Step.CHAIN_AND_HEIGHT
    assert follower(node, followed()).block(NEWEST).height == NEWEST


def verdict(node: Node, height: int, kept: Sequence[LightBlock] = ()) -> str:
    """Return the hash of the block that is believed, or the step at which none is."""
    try:
        return follower(node, kept).block(height).hash
    except HostError as error:
        return f"refused: {error.where}"


def _put(tree: Any, place: Sequence[Any], value: Any) -> None:
    for step in place[:-1]:
        tree = tree[step]
    tree[place[-1]] = value


@pytest.mark.parametrize("case", CASES["alterations"], ids=lambda case: ".".join(map(str, case["place"][1:])) or "x")
def test_an_altered_block_beside_the_light_client(case: dict[str, Any]) -> None:
    """What it takes, we take; what we take is the true block, whatever else was altered beside it."""
    height, truth = case["height"], HEADERS[case["height"]]
    tree = {
        "signed_header": copy.deepcopy(truth),
        "validator_set": {"validators": copy.deepcopy(raw_set(height)), "proposer": {}},
    }
    if "proposer" in case["place"]:
        return  # not read here
    _put(tree, case["place"], case["value"])
    node = Node()
    node.lie(height, tree["signed_header"], tree["validator_set"]["validators"])
    found = verdict(node, height)
    assert found.startswith("refused") or found == truth["commit"]["block_id"]["hash"]
    if case["accepted"]:
        assert not found.startswith("refused")
    elif not found.startswith("refused"):
        # It demands that every vote it looks at is in order; for us a crooked one does not count.
        assert "signatures" in case["place"] or "proposer_priority" in case["place"]


# Whose keys were used for another block of that height: the light client's verdict, ours, and ours with what was kept before.
FORGERIES = {
    # Both trust keys for good, or as long as they were told: more than 2/3 of any set that was trusted is believed.
    "all four founders, who have left": (True, True, False),
    "three of the four founders": (True, True, False),
    "all of a set that had left": (True, True, False),
    "the validators of that height": (True, True, True),
    # The light client's third is not enough here.
    "two of the four founders, and strangers": (True, False, False),
    "one of the four founders, and strangers": (False, False, False),
    "strangers": (False, False, False),
    "four of the seven of that height": (False, False, False),
    "four of the seven, who say that they are all": (True, False, False),
}


@pytest.mark.parametrize("case", CASES["forgeries"], ids=lambda case: case["name"])
def test_a_forged_block_beside_the_light_client(case: Forgery) -> None:
    node = Node()
    node.lie(case["height"], case["signed_header"], case["validators"])
    forged = case["signed_header"]["commit"]["block_id"]["hash"]
    found = [verdict(node, case["height"], kept) == forged for kept in ((), followed())]
    assert (case["accepted"], *found) == FORGERIES[case["name"]]


def test_every_forgery_has_a_verdict() -> None:
    assert {case["name"] for case in CASES["forgeries"]} == set(FORGERIES)


@pytest.mark.parametrize("case", CASES["forgeries"], ids=lambda case: case["name"])
def test_a_file_with_a_forged_block_is_thrown_away(case: Forgery) -> None:
    """Somebody who can write the file puts a block of his own at its end, or in place of all others."""
    if FORGERIES[case["name"]][1]:
        return
    own = light_block(case["signed_header"], CHAIN, validators_in(case["validators"]))
    for kept in ([*[one for one in followed() if one.height < own.height], own], [own]):
        keeps: list[Sequence[LightBlock]] = []
        one = follower(Node(), kept, keeps)
        assert keeps == [()]
        assert one.block(case["height"]).hash == HEADERS[case["height"]]["commit"]["block_id"]["hash"]


def test_a_file_survives_being_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "trust" / "light-1.json"
    kept = followed()
    save(file, CHAIN, kept)
    assert load(file, CHAIN) == kept
    assert file.stat().st_mode & 0o777 == 0o600
    assert load(file, "another-1") == []
    assert load(tmp_path / "none.json", CHAIN) == []


def test_a_node_that_sends_more_than_a_header_fills_no_disk(tmp_path: Path) -> None:
    padded = [replace(block, raw={**block.raw, "padding": "x" * (5 << 20)}) for block in followed()]
    save(tmp_path / "light-1.json", CHAIN, padded)
    assert list(tmp_path.iterdir()) == []


def test_more_than_belongs_to_a_header_is_not_kept_in_memory() -> None:
    stuffed = {**HEADERS[NEWEST], "more": [[] for _ in range(1 << 14)]}
    with pytest.raises(ProofError, match="the signed header has more than") as caught:
        light_block(stuffed, CHAIN, validators_in(raw_set(NEWEST)))
    assert caught.value.where == Step.ANSWER


def test_a_way_too_long_to_be_held_is_followed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_MOST_HELD", 3)
    one = follower(Node())
    assert [one.block(height).height for height in (NEWEST, *HEADERS)] == [NEWEST, *HEADERS]
    assert len(one._way) <= 4


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    save(tmp_path / "no" / "folder" / "light-1.json", CHAIN, followed())


@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_file_never_makes_anything_trusted(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = tmp_path_factory.mktemp("trust") / "light-1.json"
    save(file, CHAIN, followed())
    raw = bytearray(file.read_bytes())
    place, byte = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 255))
    file.write_bytes(bytes(raw[:place]) + data.draw(st.sampled_from([b"", bytes([byte])])) + bytes(raw[place + 1 :]))
    found = follower(Node(), load(file, CHAIN)).block(NEWEST)
    assert found.hash == HEADERS[NEWEST]["commit"]["block_id"]["hash"]


INFINITE = json.dumps(
    {"schema": 1, "chain": CHAIN, "blocks": [{"signed_header": HEADERS[1], "validators": [{"key": "", "power": float("inf")}]}]}
)


@pytest.mark.parametrize(
    "content", [INFINITE, "", "null", "[]", "{}", '{"schema":1,"chain":"light-1","blocks":[{}]}', "[" * 100_000, "\0"]
)
def test_nonsense_in_the_file_is_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "light-1.json"
    file.write_text(content)
    assert load(file, CHAIN) == []


def test_powers_that_only_have_the_same_hash_are_refused() -> None:
    """Hashes see 64 bits of a power: one validator with more would outvote all others alone."""
    # Hashed by falling power: the one on top stays there with more.
    truth = sorted(validators_in(raw_set(NEWEST)), key=lambda one: (-one.power, one.address))
    lie = [replace(truth[0], power=truth[0].power + (1 << 64)), *truth[1:]]
    assert TrustedSet(CHAIN, lie).hash() == TrustedSet(CHAIN, truth).hash()
    with pytest.raises(ProofError) as refused:
        light_block(HEADERS[NEWEST], CHAIN, lie)
    assert refused.value.where == Step.VALIDATORS


@pytest.mark.parametrize(
    ("height", "step"), [(0, Step.CHAIN_AND_HEIGHT), (-1, Step.CHAIN_AND_HEIGHT), (NEWEST + 1, Step.CHAIN_AND_HEIGHT)]
)
def test_heights_that_do_not_exist(height: int, step: Step) -> None:
    with pytest.raises(ProofError) as refused:
        follower(Node()).block(height)
    assert refused.value.where == step


def test_a_node_that_shows_another_height_or_another_chain() -> None:
    for place, value in (("height", "9"), ("chain_id", "another-1")):
        node = Node()
        node.headers[8]["header"][place] = value
        with pytest.raises(ProofError) as refused:
            follower(node).block(8)
        assert refused.value.where == Step.CHAIN_AND_HEIGHT

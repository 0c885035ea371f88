"""A number that a failed transaction used up, on a node that forgot the states that say so: shown by all blocks around it."""

from collections.abc import Callable
from typing import Any

import pytest

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.records import logs as reading
from nodeops.records.authored import GapError
from tests.unit.records.author_chain import ADDRESS, AUTHORS, Lie, told
from tests.unit.records.test_author_lies import FAILED, SENT_AGAIN
from tests.unit.records.test_authors import C, at, height, impatient, said, store

__all__ = ["impatient"]
_BELOW = height("billing", 1)
Change = Callable[[dict[str, Any], Any], Any]


def pruned(**lies: Change) -> Lie:
    """Answer as a node that keeps no state up to the block in which the number stands again; `lies` are by method."""

    def lie(method: str, params: dict[str, Any], answer: Any) -> Any:
        if method == "abci_query" and int(params["height"]) <= SENT_AGAIN:
            raise LookupError("proof is unexpectedly empty; ensure height has not been pruned: invalid request")
        return lies[method](params, answer) if method in lies else answer

    return lie


def _asked(found: list[str]) -> Change:
    def noted(_: dict[str, Any], answer: Any) -> Any:
        found.append("blockchain")
        return answer

    return noted


def test_it_is_proven_by_the_blocks_between_and_kept(tmp_path):
    asked: list[str] = []
    for _ in range(2):
        with told(pruned(blockchain=_asked(asked))) as url:
            found = store(url, tmp_path)
            assert said(found.history(C)) == [at("billing", 3)]
            assert list(found.logs.index.missing(ADDRESS["billing"], 4)) == []
    assert asked == ["blockchain"]


def _in_failed(params: dict[str, Any], answer: Any) -> Any:
    """Hide the number 3, a record, behind the failed one: say that it stands there too."""
    if params["query"].endswith(f"{ADDRESS['billing']}/3'"):
        answer["txs"][0]["height"] = str(FAILED)
    return answer


def test_a_record_that_is_said_to_be_a_failed_one_of_long_ago_is_found(tmp_path):
    with told(pruned(tx_search=_in_failed)) as url:
        assert said(store(url, tmp_path).history(C)) == [at("billing", 3)]


def _header(change: Callable[[dict[str, Any]], object]) -> Change:
    def lie(_: dict[str, Any], answer: Any) -> Any:
        for one in answer["block_metas"]:
            if one["header"]["height"] == str(SENT_AGAIN):
                change(one["header"])
        return answer

    return lie


def _left_out(_: dict[str, Any], answer: Any) -> Any:
    answer["block_metas"].pop(1)
    return answer


def _ends_early(_: dict[str, Any], answer: Any) -> Any:
    answer["block_metas"] = answer["block_metas"][:2]
    return answer


def _without_txs(params: dict[str, Any], answer: Any) -> Any:
    return {"block": {"data": {"txs": []}}} if params["height"] == str(SENT_AGAIN) else answer


EMPTY = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
LIES: dict[str, tuple[dict[str, Change], str]] = {
    "a block that is said to be empty": ({"blockchain": _header(lambda one: one.update(data_hash=EMPTY))}, "block header"),
    "a block whose transactions are left out": ({"block": _without_txs}, "Merkle proof"),
    "a header left out": ({"blockchain": _left_out}, "chain and height"),
    "headers that end early": ({"blockchain": _ends_early}, "chain and height"),
    "nonsense for a header": ({"blockchain": _header(lambda one: one.clear())}, "answer"),
}


@pytest.mark.parametrize(("lies", "step"), LIES.values(), ids=LIES)
def test_no_lie_about_what_stands_between_makes_a_record_a_failed_transaction(tmp_path, lies, step):
    with told(pruned(tx_search=_in_failed, **lies)) as url, pytest.raises(ProofError) as caught:
        store(url, tmp_path).history(C)
    assert caught.value.where == step
    with told() as url:
        assert said(store(url, tmp_path).history(C)) == [at("billing", 3)]


def _joined_late(_: dict[str, Any], answer: Any) -> Any:
    answer["sync_info"]["earliest_block_height"] = str(_BELOW + 1)
    return answer


def test_where_blocks_are_missing_or_too_many_it_is_not_proven_and_why(tmp_path, monkeypatch):
    begins = rf"billing \(beta\).* number 2 in block {FAILED} .*forgotten"
    with told(pruned(status=_joined_late)) as url, pytest.raises(GapError, match=rf"{begins}.*no blocks below {_BELOW + 1}"):
        store(url, tmp_path).history(C)
    monkeypatch.setattr(reading, "_MOST_BETWEEN", 2)
    with told(pruned()) as url, pytest.raises(GapError, match=rf"{begins}.*from {_BELOW} to {SENT_AGAIN} would show it"):
        store(url, tmp_path).history(C)


def test_of_a_key_that_left_only_blocks_up_to_its_last_height_matter(tmp_path):
    former = [one.model_copy(update={"until": FAILED}) if one.name == "billing" else one for one in AUTHORS]
    with told(pruned()) as url:
        found = store(url, tmp_path, former)
        assert said(found.history(C)) == []
        assert found.logs.index.has(ADDRESS["billing"], 2)
        assert found.logs._span(ADDRESS["billing"], 2, 99) == (_BELOW, FAILED)


@pytest.mark.parametrize("words", ["node is not persisting finalize block responses", "could not find results for height #10"])
def test_results_that_were_thrown_away_are_named(tmp_path, words):
    def thrown(*_: Any) -> Any:
        raise LookupError(words)

    with told(pruned(block_results=thrown)) as url, pytest.raises(HostError, match="thrown away what came") as caught:
        store(url, tmp_path).history(C)
    assert "discard_abci_responses" in caught.value.hint

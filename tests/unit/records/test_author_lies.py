"""Every lie of a node about authors is caught by name, on what a real ledgerd answered, and nothing of it is kept."""

from collections.abc import Callable
from typing import Any

import pytest

from nodeops.core.digest import sha256
from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cosmos.address import address_bytes
from nodeops.records.author_store import AuthorStore
from nodeops.records.authored import Entry, GapError, memo_of, signed_record
from tests.unit.records.author_chain import ADDRESS, AUTHORS, Lie, key, logs, recorded, told, value
from tests.unit.records.test_authors import TOP, A, B, D, at, height, impatient, said, store

__all__ = ["impatient"]
FAILED, SENT_AGAIN, LAST = height("billing", 2), height("billing", 3), height("alpha-1", 2)


def _about(method: str, change: Callable[[dict[str, Any], Any], Any]) -> Lie:
    return lambda asked, params, answer: change(params, answer) if asked == method else answer


def _instead(name: str, other: str) -> Lie:
    """Answer about one account's state with that of another, or of another height."""
    found = recorded()["answers"]

    def change(params: dict[str, Any], answer: Any) -> Any:
        if params["data"] != _key(name):
            return answer
        return found[f"abci_query {_key(other)} {params['height']}"]

    return _about("abci_query", change)


def _key(name: str) -> str:
    return (b"\x01" + address_bytes(ADDRESS[name])).hex()


def _older(params: dict[str, Any], answer: Any) -> Any:
    older = recorded()["answers"][f"abci_query {params['data']} {int(params['height']) - 1}"]
    older["response"]["height"] = answer["response"]["height"]
    return older


def _without_proof(_: Any, answer: Any) -> Any:
    answer["response"]["proofOps"] = None
    return answer


def hidden(name: str, number: int) -> Lie:
    return _about(
        "tx_search", lambda params, answer: _none(answer) if f"{ADDRESS[name]}/{number}'" in params["query"] else answer
    )


def kept_back(name: str, number: int) -> Lie:
    """Hide a number, and say that there are no blocks in which it might be found either."""

    def lie(method: str, params: dict[str, Any], answer: Any) -> Any:
        if method == "status":
            answer["sync_info"]["earliest_block_height"] = str(LAST)
        return hidden(name, number)(method, params, answer)

    return lie


def _none(answer: Any) -> Any:
    return {**answer, "txs": [], "total_count": "0"}


def _elsewhere(_: Any, answer: Any) -> Any:
    for one in answer["txs"]:
        one["height"] = "10"
    return answer


def _in_block(height: int, change: Callable[[list[str]], Any]) -> Lie:
    def lie(params: dict[str, Any], answer: Any) -> Any:
        if params["height"] == str(height):
            change(answer["block"]["data"]["txs"])
        return answer

    return _about("block", lie)


def _result(height: int, **change: Any) -> Lie:
    def lie(params: dict[str, Any], answer: Any) -> Any:
        if params["height"] == str(height):
            answer["txs_results"][0] |= change
        return answer

    return _about("block_results", lie)


def _turned(txs: list[str]) -> None:
    txs[0] = "AAAA" + txs[0][4:]


def _header(params: dict[str, Any], answer: Any) -> Any:
    if params["height"] == str(TOP):
        answer["signed_header"]["header"]["app_hash"] = "00" * 32
    return answer


LIES: dict[str, tuple[Lie, type[HostError], str]] = {
    "the newest number is kept back": (kept_back("alpha-1", 2), GapError, "alpha-1 (alpha) wrote a transaction number 2"),
    "the first number is kept back": (kept_back("alpha-1", 0), GapError, "alpha-1 (alpha) wrote a transaction number 0"),
    "an older count": (_about("abci_query", _older), ProofError, "app hash"),
    "no account": (_instead("alpha-1", "ghost"), ProofError, ""),
    "another account's count": (_instead("alpha-1", "meter"), ProofError, ""),
    "a count without proof": (_about("abci_query", _without_proof), ProofError, ""),
    "a transaction left out of its block": (_in_block(LAST, lambda txs: txs.pop()), ProofError, "Merkle"),
    "a transaction put into a block": (_in_block(LAST, lambda txs: txs.append("AAAA")), ProofError, "Merkle"),
    "two transactions in another order": (_in_block(LAST, lambda txs: txs.reverse()), ProofError, "Merkle"),
    "a transaction changed": (_in_block(SENT_AGAIN, _turned), ProofError, "Merkle"),
    "a block without its transactions": (_in_block(SENT_AGAIN, lambda txs: txs.clear()), ProofError, "Merkle"),
    "a failed transaction said to be accepted": (_result(FAILED, code=0), ProofError, "results"),
    "an accepted transaction said to have failed": (_result(SENT_AGAIN, code=5), ProofError, "results"),
    "other gas": (_result(SENT_AGAIN, gas_used="1"), ProofError, "results"),
    "results of another block": (_about("block_results", lambda _, one: {**one, "height": "3"}), ProofError, "chain and height"),
    "results that are missing": (_about("block_results", lambda _, one: {**one, "txs_results": None}), ProofError, "results"),
    "another app hash": (_about("commit", _header), ProofError, "block header"),
    "nonsense for a block": (_about("block", lambda *_: {"block": 7}), ProofError, "answer"),
}


@pytest.mark.parametrize(("lie", "kind", "where"), LIES.values(), ids=LIES)
def test_a_lie_is_caught_and_nothing_of_it_is_kept(tmp_path, lie, kind, where):
    with told(lie) as url:
        found = store(url, tmp_path)
        with pytest.raises(kind) as caught:
            found.history(D)
        assert where.lower() in f"{caught.value.where} {caught.value.what}".lower()
        with pytest.raises(kind):
            found.history(A)
    with told() as url:
        assert said(store(url, tmp_path).history(D)) == [at("alpha-1", 2)]


INDEXES: dict[str, Lie] = {
    "the newest number is not there": hidden("alpha-1", 2),
    "the first number is not there": hidden("alpha-1", 0),
    "one that failed is not there": hidden("billing", 2),
    "no number is there": _about("tx_search", lambda _, answer: _none(answer)),
    "all are said to stand elsewhere": _about("tx_search", _elsewhere),
}


@pytest.mark.parametrize("lie", INDEXES.values(), ids=INDEXES)
def test_what_the_index_of_a_node_lacks_is_found_in_the_blocks_and_kept(tmp_path, lie):
    with told(lie) as url:
        found = store(url, tmp_path)
        assert [said(found.history(name)) for name in (B, D)] == [[at("billing", 0)], [at("alpha-1", 2)]]
        assert found.logs.index.has(ADDRESS["billing"], 2)
    with told(kept_back("alpha-1", 2)) as url:
        assert said(store(url, tmp_path).history(D)) == [at("alpha-1", 2)]


def test_a_count_of_nothing_in_block_1_takes_that_block_to_name_nobody(tmp_path):
    with told() as url:
        logs(url, tmp_path / "one")._first_is_empty(ADDRESS["alpha-1"])
        two = logs(url, tmp_path / "two")
        proven = two.block
        two.block = lambda height: proven(height + 1)
        two.driver.contents = lambda height: CometBft.contents(two.driver, height + 1)
        with pytest.raises(HostError, match="named in block 1"):
            two._first_is_empty(ADDRESS["alpha-1"])


def test_a_late_number_brought_in_early_stops_no_reading_of_older_ones(tmp_path):
    def late_first(params: dict[str, Any], answer: Any) -> Any:
        if f"{ADDRESS['billing']}/0'" in params["query"]:
            answer["txs"].insert(0, {"hash": "", "height": str(LAST)})
        return answer

    by_name = {one.name: one for one in AUTHORS}
    left = by_name["alpha-1"].model_copy(update={"organisation": "beta", "name": "billing", "until": LAST - 8})
    found: list[list[Any]] = []
    for lie in (_about("tx_search", late_first), None):
        with told(lie) as url:
            found.append(said(AuthorStore(logs(url, tmp_path, [by_name["billing"], left])).history(B)))
    assert found == [[at("billing", 0), ("billing", 1, height("alpha-1", 1))]] * 2


def test_a_log_and_events_beyond_what_other_answers_may_have_hide_no_record(tmp_path):
    with told(_result(LAST, log="<" * (9 << 20))) as url:
        assert said(store(url, tmp_path).history(D)) == [at("alpha-1", 2)]


def test_what_a_stranger_wrote_unchecked_does_not_count_once_its_key_is_an_author_s(tmp_path):
    with told() as url:
        found = store(url, tmp_path)
        tx = signed_record(key("alpha-1"), "another-chain", 0, 9, memo_of("record/z.csv", value("alpha-1", "z")))
        unchecked = Entry(ADDRESS["alpha-1"], 9, LAST, 9, sha256(tx).upper(), tx)
        found.logs.index.put(found.logs.block(LAST), [unchecked], [])
        assert said(found.history("record/z.csv")) == []

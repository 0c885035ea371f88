"""The record verbs where somebody with access to an RPC wrote under the key whatever fits a block."""

import copy
import hashlib
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import pytest

from nodeops.ledger.cometbft.answers import SearchPage
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.records.report import check
from nodeops.records.versions import MAX_TRANSACTION_BYTES, FileDigest, RecordValue, Standing, transaction
from tests.tiers import slow
from tests.unit.records.chain import Chain, served
from tests.unit.records.test_cli import Run, chain, node, record, run

__all__ = ["chain", "record", "run"]
KEY = "record/charge.csv"
NUMBER = RecordValue(sha256="0" * 64, size=1, organisation="china-unicom", node="cu-1").encoded()


def large(size: int, number: int = 0) -> bytes:
    return KEY.encode() + b"=" + (b"%d" % number).rjust(size, b"x")


HOSTILE = {
    "six that overflow an answer": pytest.param([large(700_000, number) for number in range(6)], marks=slow),
    "one that overflows it alone": pytest.param([large(4_000_000)], marks=slow),
    "one above the bound": [large(MAX_TRANSACTION_BYTES)],
    "no base64": [KEY.encode() + b"=%%%", KEY.encode() + b"="],
    "a size no machine has": [transaction(KEY, NUMBER.replace(b'"size":1', b'"size":1' + b"0" * 5_000))],
    "no key at all": [b"x" * 9_000 + b"=" + KEY.encode()],
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_a_record_is_counted_and_costs_no_verdict(
    chain: Chain, tmp_path: Path, record: Path, run: Run, hostile: list[bytes]
):
    other = tmp_path / "other.csv"
    other.write_text("synthetic,2\n", encoding="utf-8")
    chain.commit(*hostile[:3])
    with node(chain, tmp_path) as document:
        assert run("add", document, record, other)[0] == 0
        chain.commit(*hostile[3:], b"a=b")
        code, answer = run("verify", document, record, other)
        assert (code, [one["standing"] for one in answer["records"]]) == (0, ["matches", "matches"])
        (foreign,) = answer["findings"]
        assert (foreign["id"], foreign["actual"].split()[0]) == ("record.foreign", str(len(hostile)))
        code, answer = run("show", document, "charge.csv")
        assert (code, len(answer["versions"]), answer["findings"]) == (0, 1, [foreign])
        record.write_bytes(b"second")
        assert run("add", document, record, "--revise")[0] == 0
        assert run("verify", document, record)[0] == 0


def _no_pages(result: Any) -> None:
    result["txs"] = "nonsense"


def _flooded(result: Any) -> None:
    result["total_count"] = "3001"


def _cut(result: Any) -> None:
    result["total_count"] = "7"


@pytest.mark.parametrize(
    ("trouble", "says", "accused"),
    [
        (_no_pages, "cannot be true", True),
        (_flooded, "too much was written under record/charge.csv", False),
        (_cut, "promised", True),
    ],
)
def test_the_trouble_of_one_key_stays_with_it(
    chain: Chain, tmp_path: Path, record: Path, run: Run, trouble: Any, says: str, accused: bool
):
    def troubled(method: str, result: Any) -> Any:
        if method == "tx_search" and result["txs"][0]["hash"] == first:
            trouble(result)
        return result

    other = tmp_path / "other.csv"
    other.write_text("synthetic,2\n", encoding="utf-8")
    with node(chain, tmp_path) as document:
        run("add", document, record, other)
    first = hashlib.sha256(chain.blocks[0][0]).hexdigest().upper()
    with node(chain, tmp_path, lie=troubled) as document:
        code, answer = run("verify", document, record, other)
        shown_code, shown = run("show", document, "charge.csv")
    assert (code, [one["standing"] for one in answer["records"]]) == (1, ["not proven", "matches"])
    assert says in answer["records"][0]["reason"]
    assert ("broken" in answer["findings"][0]["hint"]) is accused
    assert (shown_code, says in shown["error"]["what"]) == (3, True)


def test_what_nobody_would_read_back_is_not_sent(chain: Chain):
    with served(chain) as port, pytest.raises(ValueError, match="are read back"):
        chain.store(CometBft(Rpc(f"http://127.0.0.1:{port}"), chain.name)).put(KEY, b"x" * MAX_TRANSACTION_BYTES)
    assert chain.broadcasts == 0


def test_memory_does_not_grow_with_what_was_written(chain: Chain):
    """Pages of 1 MB as text: one at a time is held, and of a key only what could be a version."""
    raw = []
    for number in range(3):
        chain.commit(*(large(3_000, 100 * number + one) for one in range(100)))
        raw.append([chain.entry(number + 1, index) for index in range(100)])

    class Flood(CometBft):
        def _search_page(self, query: str, number: int, size: int) -> SearchPage:
            pages = copy.deepcopy(raw[(number - 1) % 3])
            return SearchPage(txs=pages, total_count=str(self.count))

        def signed_header(self, height: int) -> Any:
            return chain.signed_header(height)

    peaks = []
    for pages in (2, 8):
        driver = Flood(Rpc("http://127.0.0.1:1"), chain.name)
        driver.count = 100 * pages  # type: ignore[attr-defined]
        tracemalloc.start()
        assert chain.store(driver).read("record/other").skipped == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_of_a_verified_file_only_the_verdict_is_kept(chain: Chain, tmp_path: Path, record: Path):
    with served(chain) as port:
        store = chain.store(CometBft(Rpc(f"http://127.0.0.1:{port}"), chain.name))
        for number in range(50):
            store.put(KEY, NUMBER.replace(b"0", b"%d" % (number % 10), 1))
        history = store.record_history(KEY)
    kept = weakref.ref(history)
    checked = check(FileDigest("charge.csv", "charge.csv", "1" * 64, 1), history)
    del history
    assert (kept(), checked.judgement.standing) == (None, Standing.CHANGED)

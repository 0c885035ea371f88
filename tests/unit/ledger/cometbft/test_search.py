"""Searching where pages overflow: which pages are asked for, what comes out, and where it ends."""

from collections.abc import Mapping
from typing import Any

import pytest

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.search import MAX_CALLS, MAX_ENTRIES
from tests.unit.ledger.rpc_server import answering

_LIMIT = 20_000
_HALF, _WHOLE = 12_000, 24_000


class Shelf:
    """Entries of given sizes behind `tx_search`, and the pages that were asked for, each as (number, size)."""

    def __init__(self, *sizes: int) -> None:
        self.entries = [{"number": number, "pad": "x" * size} for number, size in enumerate(sizes)]
        self.asked: list[tuple[int, int]] = []

    def page(self, params: Mapping[str, str]) -> dict[str, Any]:
        number, size = int(params["page"]), int(params["per_page"])
        self.asked.append((number, size))
        return {"txs": self.entries[(number - 1) * size : number * size], "total_count": str(len(self.entries))}


CASES = {
    "nothing": ((), [], [(1, 100)]),
    "one page": ((1,) * 100, range(100), [(1, 100)]),
    "two pages": ((1,) * 101, range(101), [(1, 100), (2, 100)]),
    "two that fit alone": ((_HALF,) * 2, range(2), [(1, 100), (1, 10), (1, 1), (2, 1)]),
    "one that never fits": ((1, _WHOLE, 1), [0, None, 2], [(1, 100), (1, 10), (1, 1), (2, 1), (3, 1)]),
    "back to larger pages": (
        (_WHOLE, *(1,) * 19),
        [None, *range(1, 20)],
        [(1, 100), (1, 10), *((n, 1) for n in range(1, 11)), (2, 10)],
    ),
}


@pytest.mark.parametrize(("sizes", "found", "asked"), CASES.values(), ids=CASES)
def test_pages_shrink_where_they_overflow_and_grow_again(sizes: tuple[int, ...], found: Any, asked: Any) -> None:
    shelf = Shelf(*sizes)
    with answering({"tx_search": shelf.page}) as url:
        entries = list(CometBft(Rpc(url, max_bytes=_LIMIT), "x").search("key"))
    assert [entry and entry["number"] for entry in entries] == list(found)
    assert shelf.asked == list(asked)


def test_one_page_is_held_at_a_time() -> None:
    shelf = Shelf(*(1,) * 250)
    with answering({"tx_search": shelf.page}) as url:
        entries = CometBft(Rpc(url), "x").search("key")
        assert shelf.asked == []
        for number, _ in enumerate(entries):
            assert len(shelf.asked) == number // 100 + 1


@pytest.mark.parametrize(("count", "said"), [(MAX_ENTRIES + 1, f"at most {MAX_ENTRIES} are read"), (MAX_CALLS, "too large")])
def test_a_key_that_was_filled_is_named_and_ends(count: int, said: str) -> None:
    shelf = Shelf(*(_WHOLE if count == MAX_CALLS else 1,) * count)
    with answering({"tx_search": shelf.page}) as url, pytest.raises(HostError, match=said) as caught:
        list(CometBft(Rpc(url, max_bytes=_LIMIT), "x").search("some-key"))
    assert "some-key" in caught.value.what
    assert "use another with --key" in caught.value.hint
    assert len(shelf.asked) <= MAX_CALLS

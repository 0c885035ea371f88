"""All that a node shows under one key, page after page, although anyone may have written there whatever fits a block.

A page that overflows the largest answer that is read is asked for again in smaller ones, down to a single entry. One answer
is held at a time, so memory does not grow with the number of pages; MAX_ENTRIES and MAX_CALLS bound the time.
"""

from collections.abc import Callable, Iterator
from typing import Any

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.answers import SearchPage
from nodeops.ledger.cometbft.rpc import OversizedError
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT

# Each size divides the one before it, so that pages of any size meet without gap. A node shows at most 100 at once.
PAGE_SIZES = (100, 10, 1)
MAX_ENTRIES = 3_000
MAX_CALLS = 400
# rpc/core/env.go, validatePage: how a node says that there is nothing more.
_BEYOND = "page should be within"
_CROWDED_HINT = "somebody with access to an RPC filled this key: use another with --key, or ask a node of another organisation"


def entries(ask: Callable[[int, int], SearchPage], key: str, where: str) -> Iterator[dict[str, Any] | None]:
    """Yield every entry raw, oldest first, None for one that is too large to be read. `ask` takes page number and page size.

    Raise HostError for pages that cannot be true, and for a key under which more was written than is ever read.
    """
    offset, size = 0, PAGE_SIZES[0]
    for _ in range(MAX_CALLS):
        page = _page(ask, offset, size)
        if isinstance(page, OversizedError) and size > 1:
            size = PAGE_SIZES[PAGE_SIZES.index(size) + 1]
            continue
        if isinstance(page, SearchPage):
            if page.total_count > MAX_ENTRIES:
                raise _crowded(key, f"{page.total_count} entries, at most {MAX_ENTRIES} are read", where)
            _refuse_untrue(page, offset, size, where)
            yield from page.txs
            offset += len(page.txs)
            if offset >= page.total_count:
                return
            # Else it would be held while the next one is read.
            del page
        elif page is None:
            return
        else:
            yield None
            offset += 1
        size = next(one for one in PAGE_SIZES if offset % one == 0)
    raise _crowded(key, f"more than {MAX_CALLS} answers, many of them too large to be read at once", where)


def _page(ask: Callable[[int, int], SearchPage], offset: int, size: int) -> SearchPage | OversizedError | None:
    """Return a page, or that it is too large, or None when the node says that it lies behind the last one."""
    try:
        return ask(offset // size + 1, size)
    except OversizedError as error:
        return error
    except HostError as error:
        if offset and _BEYOND in error.what:
            return None
        raise


def _refuse_untrue(page: SearchPage, offset: int, size: int, where: str) -> None:
    expected = max(0, min(size, page.total_count - offset))
    if len(page.txs) < expected:
        text = "ends before the number of transactions it promised"
    elif len(page.txs) > expected:
        text = "shows more transactions than it promised"
    else:
        return
    raise HostError(f"the answer cannot be true: {text}", where=where, hint=LIE_HINT)


def _crowded(key: str, how: str, where: str) -> HostError:
    return HostError(f"too much was written under {key}: {how}", where=where, hint=_CROWDED_HINT)

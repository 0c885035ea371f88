"""A member, or its stolen key, that writes about leases without end on a real ledgerd: what others hold is read all the same."""

import time
import tracemalloc
from collections.abc import Iterator
from itertools import chain, count, cycle, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeops.core.errors import HostError
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cosmos.account import account
from nodeops.quorum.lease import hold, store
from nodeops.quorum.lease.bounds import DAILY_SECONDS
from nodeops.quorum.lease.entries import KEY
from nodeops.quorum.lease.policy import Book
from nodeops.quorum.policy import Standing
from nodeops.records.authored import signed_record
from nodeops.records.statements import statement_memo
from tests.unit.ledger.ledger_process import Process
from tests.unit.ledger.ledgerd_process import CHAIN, running_ledgerd
from tests.unit.quorum.lease.chain_hosts import hosts_of
from tests.unit.records.author_chain import key

pytestmark = pytest.mark.lab
ENTRIES = 2000
SIGNING = Standing(20, True, "", {}, frozenset())


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running_ledgerd(tmp_path_factory.mktemp("ledgerd")) as started:
        yield started


def flood(process: Process, terms: str, entries: int) -> None:
    """Write so many entries with one member's key: for itself, against others, under terms of its own, and in no form at all."""
    driver, me = CometBft(Rpc(process.url), process.chain), key("meter")
    found = account(driver, me.address)
    assert found is not None
    kinds = cycle(("acquire", "renew", "release", "steal", "other", "junk"))
    number, end = found.sequence, found.sequence + entries
    body = statement_memo(KEY, _body(next(kinds), number, terms))
    while number < end:
        try:
            driver.broadcast(signed_record(me, CHAIN, found.number, number, body))
        except HostError:
            time.sleep(0.2)
            continue
        number += 1
        body = statement_memo(KEY, _body(next(kinds), number, terms))
    for _ in count():
        now = account(driver, me.address)
        if now is not None and now.sequence >= end:
            break
        time.sleep(0.2)
    # What is in the newest block is proven by the next one.
    newest = driver.status().height
    while driver.status().height < newest + 2:
        time.sleep(0.2)


def _body(kind: str, number: int, terms: str) -> dict[str, object]:
    own: dict[str, object] = {"node": "meter", "after": number + 1, "terms": terms}
    return {
        "acquire": {"do": "acquire", "seconds": 30, "reason": "mine", **own},
        "renew": {"do": "renew", "seconds": 14400, **own},
        "release": {"do": "release", **own},
        "steal": {"do": "release", **own, "node": "alpha-1"},
        "other": {"do": "acquire", "seconds": 14400, "reason": "mine", **own, "terms": "0" * 16},
        "junk": {"do": "acquire", "seconds": -1, **own},
    }[kind]


def test_what_others_hold_is_read_through_a_flood_once_and_in_bounds(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = hosts_of(process, tmp_path)
    alpha, billing = (load_node_document(hosts[name]) for name in ("alpha-1", "billing"))
    terms = store.open_leases(alpha).terms.name
    flood(process, terms, ENTRIES // 2)
    held = hold.begin(alpha, 3600, "patch", lambda _: None)
    # Whoever floods may have been first; then it is refused in numbers, and gets it after.
    until = time.monotonic() + 120
    while held is None and time.monotonic() < until:
        time.sleep(2)
        held = hold.begin(alpha, 3600, "patch", lambda _: None)
    assert held is not None
    flood(process, terms, ENTRIES // 2)

    # A host that was made today, and has no time to read all of it: it leaves the power to whoever it read of, others first.
    # On a quick machine and on a slow one its minute is over when all of alpha is read, and a block of the flood.
    own = account(CometBft(Rpc(process.url), process.chain), key("alpha-1").address)
    assert own is not None
    looks = chain(repeat(0.0, 2 + own.sequence), repeat(store._READ_SECONDS + 1))
    monkeypatch.setattr(store, "time", SimpleNamespace(monotonic=lambda: next(looks)))
    partial = store.leases_for(billing, SIGNING)
    assert "not all was read within" in partial.unsure
    assert ("alpha-1" in [one.node for one in partial.others], partial.since) == (True, None)
    monkeypatch.undo()

    opened = store.open_leases(billing)
    read = opened.read()
    assert read.book.of("alpha-1", read.now) is not None
    assert read.book.used("gamma", read.now) <= DAILY_SECONDS
    assert len(read.judged) >= ENTRIES
    assert opened.file.stat().st_size < 1_000_000
    _reads_only_what_is_new(billing, monkeypatch)


def _reads_only_what_is_new(document: NodeDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    add = Book.add
    monkeypatch.setattr(Book, "add", lambda book, entry: judged.append(entry.hash) or add(book, entry))
    tracemalloc.start()
    again = store.open_leases(document).read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (judged, peak < 20_000_000) == ([], True)
    assert again.book.of("alpha-1", again.now) is not None

"""A real ledgerd that keeps the newest states only, or has lost its index: what stands in its blocks is proven all the same."""

import shutil
import time
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.records.author_store import AuthorStore
from nodeops.records.logs import _FORGOTTEN
from tests.unit.ledger.ledgerd_process import organisation_key, running_ledgerd
from tests.unit.records.author_chain import ADDRESS, Scribe, value
from tests.unit.records.test_author_pen import store

pytestmark = pytest.mark.lab
# `everything` keeps the states of two heights, and removes older ones every ten.
_FORGETS_AFTER = 14


def _numbers(found: AuthorStore) -> list[int]:
    found.frontier()
    return [one.signed.number for one in found.history("record/c.csv").versions if one.signed]


def _failed(scribe: Scribe) -> None:
    """Add c.csv without a coin: its transaction fails and uses a number up."""
    scribe.commit(scribe.record("billing", "c.csv", value("billing", "c")))


def test_a_failed_transaction_is_told_from_a_record_after_the_states_around_it_are_gone(tmp_path: Path) -> None:
    with running_ledgerd(tmp_path / "home", ["--pruning", "everything"]) as process:
        node = CometBft(Rpc(process.url, timeout_seconds=60), process.chain)
        scribe = Scribe(node)
        scribe.commit(scribe.coins("billing", organisation_key("beta").address, 100))
        _failed(scribe)
        scribe.commit(scribe.coins("beta", ADDRESS["billing"], 1))
        scribe.commit(scribe.record("billing", "c.csv", value("billing", "c")))
        scribe.commit(scribe.coins("billing", organisation_key("beta").address, 1))
        _failed(scribe)
        # In between two accepted ones, and as the newest of all.
        places = [height for number in (1, 4) for height in node.numbered(ADDRESS["billing"], number)]
        while node.status().height < places[-1] + _FORGETS_AFTER:
            time.sleep(0.2)
        found = store(process, tmp_path / "reads for the first time")
        for place in places:
            with pytest.raises(HostError) as caught:
                found.logs.state.account(ADDRESS["billing"], place)
            assert any(words in caught.value.what for words in _FORGOTTEN), caught.value
        assert _numbers(found) == [2]
        assert [found.logs.index.has(ADDRESS["billing"], number) for number in range(6)] == [True] * 5 + [False]


def test_records_are_proven_by_a_node_that_lost_its_index_of_them(tmp_path: Path) -> None:
    home, coin = tmp_path / "home", organisation_key("beta").address
    with running_ledgerd(home) as process:
        scribe = Scribe(CometBft(Rpc(process.url, timeout_seconds=60), process.chain))
        scribe.commit(scribe.record("billing", "c.csv", value("billing", "a")))
        scribe.commit(scribe.coins("billing", coin, 1))
    # What it had not written when it was stopped is not indexed again, nor is this.
    shutil.rmtree(home / "data/tx_index.db")
    with running_ledgerd(home) as process:
        node = CometBft(Rpc(process.url, timeout_seconds=60), process.chain)
        assert list(node.numbered(ADDRESS["billing"], 0)) == []
        # Until its first block a node that was started checks signatures as at the genesis, with account number 0.
        process.wait_for_height(node.status().height + 1)
        scribe = Scribe(node)
        scribe.commit(scribe.record("billing", "c.csv", value("billing", "b")))
        found = store(process, tmp_path / "reads")
        assert _numbers(found) == [0, 2]
        assert [found.logs.index.has(ADDRESS["billing"], number) for number in range(4)] == [True] * 3 + [False]

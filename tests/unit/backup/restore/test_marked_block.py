"""What marks a backup, as a real ledgerd says it, beside what a drill compares it with: the header of the same block."""

import time
from pathlib import Path

import pytest

from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from tests.unit.ledger.ledgerd_process import running_ledgerd


@pytest.mark.lab
def test_a_node_says_of_its_newest_block_what_that_blocks_own_header_carries(tmp_path: Path) -> None:
    """The state after it is another, also where a block is empty, and stands in the next header."""
    with running_ledgerd(tmp_path) as started:
        driver = CometBft(Rpc(started.url), started.chain)
        tip = driver.status()
        until = time.monotonic() + 60
        while driver.status().height <= tip.height:
            assert time.monotonic() < until
            time.sleep(0.2)
        own, after = (str(driver.signed_header(tip.height + more)["header"]["app_hash"]).upper() for more in (0, 1))
        assert tip.app_hash.upper() == own != after

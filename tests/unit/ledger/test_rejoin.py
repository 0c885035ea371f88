"""What a restart waits for: only a chain that moves can be waited for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.ledger import rejoin
from nodeops.ledger.answers import LedgerStatus
from tests.contract.rules.tree import ROOT

DOCUMENT = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
STATUS = LedgerStatus(
    node_id="0" * 40,
    chain="battery-1",
    version="0.38.19",
    height=7,
    block_hash="",
    app_hash="",
    block_time=None,
    earliest_height=1,
    catching_up=False,
    validator_address="A" * 40,
    voting_power=1,
)


class Answering:
    """A driver that has one thing to say."""

    def __init__(self, says: LedgerStatus | HostError) -> None:
        self.says = says

    def status(self) -> LedgerStatus:
        if isinstance(self.says, HostError):
            raise self.says
        return self.says


def old(seconds: float) -> LedgerStatus:
    return replace(STATUS, block_time=datetime.now(UTC) - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("says", "height"),
    [(old(1), 7), (old(3600), None), (STATUS, None), (HostError("does not answer"), None)],
    ids=["moves", "stands still", "no block yet", "does not answer"],
)
def test_only_a_chain_that_moves_has_a_height_to_come_back_to(
    monkeypatch: pytest.MonkeyPatch, says: LedgerStatus | HostError, height: int | None
) -> None:
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Answering(says))
    assert rejoin.moving_height(DOCUMENT) == height

"""What a restart waits for: only a chain that moves can be waited for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.ledger.answers import LedgerStatus
from nodeops.ledger.node import rejoin
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


@pytest.mark.parametrize(
    ("age_seconds", "height"), [(0, 7), (3600, None), (None, None)], ids=["moves", "stands still", "no block yet"]
)
def test_only_a_chain_that_moves_has_a_height_to_come_back_to(
    monkeypatch: pytest.MonkeyPatch, age_seconds: float | None, height: int | None
) -> None:
    at = None if age_seconds is None else datetime.now(UTC) - timedelta(seconds=age_seconds)
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Answering(replace(STATUS, block_time=at)))
    assert rejoin.moving_height(DOCUMENT) == height


def test_a_node_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejoin, "driver_for", lambda _: Answering(HostError("does not answer")))
    assert rejoin.moving_height(DOCUMENT) is None

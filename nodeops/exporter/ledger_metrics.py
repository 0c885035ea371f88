"""The ledger and its consensus as metrics: asked over RPC on loopback, each commit once."""

import time
from collections import deque
from collections.abc import Iterator, Sequence

from nodeops.core.errors import NodeopsError
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.answers import BlockCommit, LedgerStatus, ValidatorSet
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.status import LIVE_WINDOW, SIGNED_WINDOW, half_claim, stale_after
from nodeops.ledger.quorum import margin
from nodeops.metrics.collector import Collector, Sample

_CALL_SECONDS = 3.0
# Commits that are fetched in one round at most: more have passed only while the ledger or the exporter was away.
_MOST_NEW = 200


class LedgerLook:
    """Asks the ledger, and counts this node's votes in every commit since it began."""

    def __init__(self) -> None:
        self._recent: deque[BlockCommit] = deque(maxlen=SIGNED_WINDOW)
        self._signed = self._missed = self._proposed = self._lost_rounds = self._transactions = 0
        # The last block whose transactions are counted: asked for apart from votes, they may fail apart from them.
        self._transactions_to = 0

    def __call__(self, document: NodeDocument) -> Iterator[Sample]:
        """Return what the ledger says; only that it is down when it does not answer."""
        yield from self.ask(document, driver_for(document, _CALL_SECONDS))

    def ask(self, document: NodeDocument, driver: Driver) -> Iterator[Sample]:
        """Yield the samples of one round. Raise as the driver does once the ledger said its status."""
        try:
            status = driver.status()
        except NodeopsError:
            yield Sample("ledger_up", 0)
            return
        yield Sample("ledger_up", 1)
        yield from _progress(status, driver)
        yield Sample("ledger_peers", len(driver.peers()))
        yield Sample("ledger_members", len(document.members) - 1)
        self._count(status, driver)
        yield Sample("consensus_voting_power", status.voting_power)
        yield Sample("consensus_signed_total", self._signed)
        yield Sample("consensus_missed_total", self._missed)
        yield Sample("consensus_proposed_total", self._proposed)
        yield Sample("consensus_lost_rounds_total", self._lost_rounds)
        yield Sample("ledger_transactions_total", self._transactions)
        yield from _pace(list(self._recent), document)
        yield from self._quorum(document, status, driver.validators())

    def _count(self, status: LedgerStatus, driver: Driver) -> None:
        """Take the commits that are new. The newest is left out: the block after it settles which votes the chain records."""
        first_time, last = not self._recent, status.height - 1
        known = self._recent[0].height if self._recent else 0
        most = SIGNED_WINDOW if first_time else _MOST_NEW
        first = max(known + 1, last - most + 1, status.earliest_height, 1)
        new = sorted(driver.commits(first, last), key=lambda one: one.height) if first <= last else []
        self._recent.extendleft(new)
        # What was before the exporter began belongs to nobody's counter.
        if first_time:
            self._transactions_to = last
            return
        self._count_votes(new, status)
        self._count_transactions(status, driver, last)

    def _count_votes(self, new: Sequence[BlockCommit], status: LedgerStatus) -> None:
        self._lost_rounds += sum(one.round for one in new)
        self._proposed += sum(one.proposer == status.validator_address for one in new)
        if status.voting_power:
            signed = sum(status.validator_address in one.signers for one in new)
            self._signed += signed
            self._missed += len(new) - signed

    def _count_transactions(self, status: LedgerStatus, driver: Driver, last: int) -> None:
        """Take those of the blocks whose commits are taken. What the driver raises loses none: they are asked for again."""
        first = max(self._transactions_to + 1, last - _MOST_NEW + 1, status.earliest_height, 1)
        if first <= last:
            self._transactions += driver.transactions(first, last)
            self._transactions_to = last

    def _quorum(self, document: NodeDocument, status: LedgerStatus, validators: ValidatorSet) -> Iterator[Sample]:
        yield Sample("quorum_total_power", validators.total_power)
        head = status.block_time
        # Commits tell who was live when they were made: of a chain that stands they say nothing.
        if head is None or abs(time.time() - head.timestamp()) > stale_after(document.ledger.block_seconds):
            return
        signers = {address for one in list(self._recent)[:LIVE_WINDOW] for address in one.signers}
        live = sum(one.power for one in validators.validators if one.address in signers)
        yield Sample("quorum_live_power", live)
        rule = load_profile(document.ledger.platform).quorum
        yield Sample("quorum_margin_power", margin(live, validators.total_power, rule))


def _progress(status: LedgerStatus, driver: Driver) -> Iterator[Sample]:
    yield Sample("ledger_height_blocks", status.height)
    yield Sample("ledger_catching_up", float(status.catching_up))
    if status.block_time is not None:
        yield Sample("ledger_head_timestamp_seconds", status.block_time.timestamp())
    if (claimed := half_claim(driver.peer_heights().values())) is not None:
        yield Sample("ledger_lag_blocks", max(0, claimed - status.height))


def _pace(newest_first: Sequence[BlockCommit], document: NodeDocument) -> Iterator[Sample]:
    """Yield how long a block took lately, beside the pause after each that is asked for."""
    yield Sample("consensus_block_pause_seconds", document.ledger.block_seconds)
    if len(newest_first) > 1:
        newest, oldest = newest_first[0], newest_first[-1]
        blocks = newest.height - oldest.height
        yield Sample("consensus_block_interval_seconds", (newest.time - oldest.time).total_seconds() / blocks)


def collector() -> Collector[NodeDocument]:
    """Return a collector that begins to count now."""
    return Collector("ledger", LedgerLook(), interval_seconds=15, deadline_seconds=15)

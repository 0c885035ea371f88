"""A period read from this host's own node: every block of it proven, and whose votes the chain kept for it."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from nodeops.core.errors import HostError, Refused
from nodeops.document.models import NodeDocument
from nodeops.ledger.cometbft.double_votes import NO_EVIDENCE, double_votes
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cometbft.votes import ValidatorSets, Votes, kept_votes
from nodeops.ledger.driver import Driver, driver_for
from nodeops.quorum.lease.promised import shown_time
from nodeops.records.statements import seconds_of
from nodeops.sla.period import Period
from nodeops.sla.statement import Mark, Measured
from nodeops.sla.tally import Tally

Say = Callable[[str], None]
_SAID_EVERY = 500
_CALL_SECONDS = 30.0
_PRUNED = "run it on a node that has all blocks: every organisation should have one (network.history), with min-retain-blocks = 0"


class Chain:
    """Blocks of this host's own node, which need not be honest."""

    def __init__(self, driver: Driver, follower: Follower) -> None:
        self.driver, self.first_height = driver, follower.genesis.first_height
        self.sets = ValidatorSets(follower.genesis.chain, driver.validators)
        self.block = lru_cache(maxsize=200)(follower.block)
        status = driver.status()
        self.oldest, self.newest = max(status.earliest_height, self.first_height), status.height

    def time(self, height: int) -> int:
        """Return the time of a block, proven, in whole seconds since 1970."""
        return seconds_of(self.block(height).time)

    def first_at(self, time: int) -> int:
        """Return the lowest height whose block is not older than a time, one above the newest where there is none.

        Times rise with heights, so halving finds it.
        """
        low, high = self.oldest, self.newest + 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.time(middle) >= time else (middle + 1, high)
        return low

    def mark(self, height: int) -> Mark:
        """Return a block as what bounds a period."""
        return Mark(height, self.block(height).hash, self.time(height))


def open_chain(document: NodeDocument) -> Chain:
    """Return the chain of this host. Raise HostError without a genesis, or when the node does not answer or has no block."""
    driver = driver_for(document, _CALL_SECONDS)
    chain = Chain(driver, open_follower(document, driver))
    if chain.newest < chain.first_height:
        raise HostError("has no block yet", where=document.ledger.chain, hint="nodeops status says why")
    return chain


def over(chain: Chain, period: Period) -> ProvenBlock:
    """Return the first block after a period. Raise Refused while there is none: nobody knows yet what belongs to it."""
    height = chain.first_at(period.end)
    if height <= chain.newest:
        return chain.block(height)
    newest = chain.block(chain.newest)
    text = f"is not over on the chain, whose newest block {newest.height} is of {newest.time}"
    where, ends = f"period {period.name}", shown_time(period.end)
    raise Refused(text, where=where, allowed=f"once a block of {ends} or later is there", hint="--so-far shows what there is")


def read_votes(chain: Chain, period: Period, addresses: Iterable[str], say: Say) -> Measured:
    """Return the votes of a period that is over, each of its blocks read once. `say` is told how far it is.

    Raise Refused while it is not over, HostError when this node lacks blocks of it, ProofError for what does not hold.
    """
    after, low = over(chain, period), chain.first_at(period.start)
    if low == chain.oldest > chain.first_height:
        raise _pruned(chain, period)
    tally, before = Tally(period, addresses), low - 1 if low > chain.first_height else None
    for votes in _votes(chain, before or low, after, say):
        if votes.height == before:
            tally.before(votes)
            continue
        tally.add(votes)
        _note_double_votes(chain, tally, votes)
    first, last = (chain.mark(low), chain.mark(after.height - 1)) if low < after.height else (None, None)
    return Measured(tally, chain.mark(before) if before else None, first, last, chain.mark(after.height), ())


def _votes(chain: Chain, first: int, after: ProvenBlock, say: Say) -> Iterator[Votes]:
    count = after.height - first
    answers = chain.driver.signed_headers(first, after.height)
    for number, votes in enumerate(kept_votes(answers, after, first, chain.sets)):
        if number % _SAID_EVERY == 0:
            say(f"reading votes: {number} of {count} blocks")
        yield votes


def _note_double_votes(chain: Chain, tally: Tally, votes: Votes) -> None:
    if votes.evidence_hash == NO_EVIDENCE:
        return
    for one in double_votes(chain.driver.block(votes.height), votes.evidence_hash):
        if one.address in tally.nodes:
            tally.nodes[one.address].double_votes.append(one.height)


def _pruned(chain: Chain, period: Period) -> HostError:
    oldest = chain.block(chain.oldest)
    start = shown_time(period.start)
    text = f"this node has no blocks below {oldest.height} ({oldest.time}): those from {start} to there are missing"
    return HostError(text, where=f"period {period.name}", hint=_PRUNED)

"""What the ledger measured of its own rounds, as metrics: read from its page on loopback, which no other host reaches."""

from collections.abc import Iterator

from nodeops.core.errors import NodeopsError
from nodeops.document.models import NodeDocument
from nodeops.ledger.driver import Driver, driver_for
from nodeops.metrics.collector import Collector, Sample

_CALL_SECONDS = 3.0


def look(document: NodeDocument) -> Iterator[Sample]:
    """Return what the ledger measured. Raise as the driver does when the ledger answers and its page cannot be read."""
    return samples(driver_for(document, _CALL_SECONDS))


def samples(driver: Driver) -> Iterator[Sample]:
    """Yield the samples of one round; none of a ledger that is down, which the collector of the ledger says."""
    try:
        own = driver.status().validator_address
    except NodeopsError:
        return
    found = driver.rounds(own)
    yield Sample("consensus_proposals_made_total", found.proposals)
    yield Sample("consensus_proposal_making_seconds_total", found.proposal_seconds)
    if found.quorum_seconds is not None:
        yield Sample("consensus_proposal_quorum_seconds", found.quorum_seconds)
    for name, step in found.steps.items():
        yield Sample("consensus_step_seconds_total", step.seconds, {"step": name})
        yield Sample("consensus_steps_total", step.times, {"step": name})


COLLECTOR = Collector("rounds", look, interval_seconds=15, deadline_seconds=10)

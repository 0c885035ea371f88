"""A restart is over when the node takes part again, not when its process is there."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nodeops.core.errors import NodeopsError, Timeout
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host.units.service import carry_out
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.live import is_reachable
from nodeops.ledger.node.service import require_running
from nodeops.ledger.node.status import stale_after
from nodeops.ledger.node.wait import Goal, moves, votes_above, wait_for

# Long enough for a process that cannot read its configuration to leave again.
_SETTLE_SECONDS = 0.5
_LOOK_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Part:
    """What a node did in a chain that moves: its height, and whether it voted.

    `stood`: its chain stood, or it alone did, which nobody could tell. Then it is what it is to do where the chain moves.
    """

    height: int
    votes: bool
    stood: bool = False


def moving_height(document: NodeDocument) -> int | None:
    """Return this node's height when its chain moves; None while it stands still or this node does not answer.

    A node of a halted chain cannot be waited for: it may be restarted just to mend that.
    """
    part = part_taken(document)
    return part.height if part else None


def part_taken(document: NodeDocument) -> Part | None:
    """Return the part of this node in its chain; None while the chain stands still or this node does not answer."""
    try:
        return _part(document, driver_for(document))
    except NodeopsError:
        return None


def _part(document: NodeDocument, driver: Driver) -> Part | None:
    status = driver.status()
    if not moves(driver, status, document.ledger.block_seconds):
        return None
    return Part(status.height, bool(status.voting_power) and votes_above(driver, status, 0))


def rejoin(document: NodeDocument, part: Part, timeout_seconds: float, report: Callable[[str], None]) -> None:
    """Wait until the node has a block above those it had, what its peers have, and votes again if it did.

    One that `stood` has come back, too, where its chain stands and it has all that its peers have. Raise Timeout when that takes
    too long, or the process does not stay up, so that a roll stops here.
    """
    driver, started = driver_for(document), require_running(document)
    # From here on: systemd's answer may take its time on a busy host, and the node is not to have less for it.
    until = time.monotonic() + timeout_seconds

    def looked(text: str) -> None:
        require_running(document, started)
        report(text)

    or_stands = stale_after(document.ledger.block_seconds) if part.stood else None
    goals = [Goal(height=part.height + 1, or_stands=or_stands), Goal(synced=True)]
    for goal in [*goals, *([Goal(vote_above=part.height)] if part.votes else [])]:
        found = wait_for(driver, goal, max(1, round(until - time.monotonic())), looked)
        if found.height <= part.height:
            # Its chain stands: there is nothing more to come.
            return


def restart(document: NodeDocument, changes: Sequence[Change], timeout_seconds: float, report: Callable[[str], None]) -> None:
    """Carry out a plan that restarts the ledger; where its chain moves, wait until the node takes part in it again.

    Raise Timeout when the process does not stay up, or does not take part again in `timeout_seconds`.
    """
    part = part_taken(document)
    carry_out(changes)
    settle(document)
    if part is not None:
        rejoin(document, part, timeout_seconds, report)


def await_listening(document: NodeDocument, timeout_seconds: float) -> None:
    """Wait until the ledger that was just started listens somewhere. Raise Timeout when it does not, or leaves by itself.

    This is all that can be waited for where the chain stands, or the node took no part in it before.
    """
    started, until = require_running(document), time.monotonic() + timeout_seconds
    while not is_reachable(document):
        require_running(document, started)
        if time.monotonic() >= until:
            raise Timeout(f"waited {timeout_seconds:g} s for the ledger to listen", where=document.ledger.unit)
        time.sleep(_LOOK_EVERY_SECONDS)


def settle(document: NodeDocument) -> None:
    """Raise Timeout when the process that was just started is gone again."""
    time.sleep(_SETTLE_SECONDS)
    require_running(document)

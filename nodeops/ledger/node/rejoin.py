"""A restart is over when the node takes part again, not when its process is there."""

import time
from collections.abc import Callable, Sequence

from nodeops.core.errors import NodeopsError
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.service import carry_out, require_running
from nodeops.ledger.node.status import stale_after
from nodeops.ledger.node.wait import Goal, wait_for

# Long enough for a process that cannot read its configuration to leave again.
_SETTLE_SECONDS = 0.5


def moving_height(document: NodeDocument) -> int | None:
    """Return this node's height when its chain moves; None while it stands still or this node does not answer.

    A node of a halted chain cannot be waited for: it may be restarted just to mend that.
    """
    try:
        status = driver_for(document).status()
    except NodeopsError:
        return None
    if status.block_time is None:
        return None
    age = time.time() - status.block_time.timestamp()
    return None if age > stale_after(document.ledger.block_seconds) else status.height


def rejoin(document: NodeDocument, height: int, timeout_seconds: float, report: Callable[[str], None]) -> None:
    """Wait until the node has a block above `height` and what its peers have. Raise Timeout, so that a roll stops here."""
    driver = driver_for(document)
    for goal in (Goal(height=height + 1), Goal(synced=True)):
        wait_for(driver, goal, timeout_seconds, report)


def restart(document: NodeDocument, changes: Sequence[Change], timeout_seconds: float, report: Callable[[str], None]) -> None:
    """Carry out a plan that restarts the ledger; where its chain moves, wait until the node takes part in it again.

    Raise Timeout when the process does not stay up, or does not take part again in `timeout_seconds`.
    """
    height = moving_height(document)
    carry_out(changes)
    settle(document)
    if height is not None:
        rejoin(document, height, timeout_seconds, report)


def settle(document: NodeDocument) -> None:
    """Raise Timeout when the process that was just started is gone again."""
    time.sleep(_SETTLE_SECONDS)
    require_running(document)

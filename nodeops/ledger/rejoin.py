"""A restart is over when the node takes part again, not when its process is there."""

import time
from collections.abc import Callable

from nodeops.core.errors import NodeopsError
from nodeops.document.models import NodeDocument
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node_status import stale_after
from nodeops.ledger.wait import Goal, wait_for


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

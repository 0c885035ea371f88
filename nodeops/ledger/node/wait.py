"""Wait for the ledger on this host: for a height, for more blocks, or until it has caught up."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, retry_if_result, stop_before_delay, wait_fixed

from nodeops.core.errors import InputError, NodeopsError, Timeout
from nodeops.ledger.answers import LedgerStatus
from nodeops.ledger.driver import Driver
from nodeops.ledger.node.observe import settled_commits
from nodeops.ledger.node.status import half_claim, most_claim, stale_after

_LOOK_EVERY_SECONDS = 0.2
# The disk guard waits 15 s for an answer of the quorum gate, which watches, too.
_MOST_WATCH_SECONDS = 6.0


@dataclass(frozen=True)
class Goal:
    """What is waited for: exactly one of a height, a number of further blocks, the end of catching up, or a vote of this node
    that the chain has recorded above a height.

    `or_stands`, with a height: or the node has all that its peers have, and the newest block is older than so many seconds."""

    height: int | None = None
    blocks: int | None = None
    synced: bool = False
    vote_above: int | None = None
    or_stands: float | None = None

    def __post_init__(self) -> None:
        if sum((self.height is not None, self.blocks is not None, self.synced, self.vote_above is not None)) != 1:
            raise InputError("wait for exactly one thing", allowed="--height H, --blocks N or --synced")

    def from_here(self, height: int) -> "Goal":
        """Return the same goal with further blocks counted from a height."""
        return self if self.blocks is None else Goal(height=height + self.blocks)

    def reached(self, driver: Driver, status: LedgerStatus) -> bool:
        """Tell whether a node is there. Raise as the driver does."""
        if self.vote_above is not None:
            return votes_above(driver, status, self.vote_above)
        if self.height is None:
            return in_step(driver, status)
        return status.height >= self.height or (self.or_stands is not None and stands(driver, status, self.or_stands))

    def __str__(self) -> str:
        """Return the goal in words."""
        if self.blocks is not None:
            return f"{self.blocks} more blocks"
        if self.vote_above is not None:
            return f"a vote of this node above height {self.vote_above}"
        return "the node to catch up" if self.height is None else f"height {self.height}"


def in_step(driver: Driver, status: LedgerStatus) -> bool:
    """Tell whether a node has what its peers have, up to the block that is on its way.

    `catching_up` alone does not say so: CometBFT leaves block sync within a second when no peer has reported a height
    yet, and then fetches the missing blocks one by one while it says that it is not catching up. Half of the peers must
    be in reach, so that one that boasts changes nothing.
    """
    if status.catching_up or not status.height:
        return False
    claimed = half_claim(driver.peer_heights().values())
    if claimed is None:
        return [one.address for one in driver.validators().validators] == [status.validator_address]
    return status.height >= claimed - 1


def left_behind(driver: Driver, status: LedgerStatus) -> bool:
    """Tell whether a node lacks what its peers have. It takes more than half of them to say so: others rely on a node that is not
    behind. Without a peer it is, but for the only validator."""
    claimed = most_claim(driver.peer_heights().values())
    if status.catching_up or not status.height or claimed is None:
        return not in_step(driver, status)
    return status.height < claimed - 1


def moves(driver: Driver, status: LedgerStatus, block_seconds: float) -> bool:
    """Tell whether blocks come: the newest is young, or another comes while this watches, because the host's clock may be wrong.
    Of a node that fetches old blocks nobody can tell."""
    if status.block_time is None:
        return False
    if abs(time.time() - status.block_time.timestamp()) <= stale_after(block_seconds):
        return True
    return not left_behind(driver, status) and _comes(driver, status.height, block_seconds)


def _comes(driver: Driver, height: int, block_seconds: float) -> bool:
    until = time.monotonic() + min(2 * block_seconds + 1, _MOST_WATCH_SECONDS)
    while time.monotonic() < until:
        time.sleep(_LOOK_EVERY_SECONDS)
        if driver.status().height > height:
            return True
    return False


def stands(driver: Driver, status: LedgerStatus, old_seconds: float) -> bool:
    """Tell whether a chain stands, and a node has all that is there of it: an old block, and half of its peers claim no more.

    Without a peer nobody can tell.
    """
    if status.block_time is None or time.time() - status.block_time.timestamp() <= old_seconds:
        return False
    claimed = half_claim(driver.peer_heights().values())
    return claimed is not None and status.height >= claimed


def votes_above(driver: Driver, status: LedgerStatus, height: int) -> bool:
    """Tell whether one of the newest commits above a height holds a vote of this node."""
    commits = settled_commits(driver, status)
    return any(one.height > height and status.validator_address in one.signers for one in commits)


class _Watch:
    """Looks again and again, and remembers what was seen last."""

    def __init__(self, driver: Driver, goal: Goal, report: Callable[[str], None]) -> None:
        self.driver, self.goal, self.report = driver, goal, report
        self.seen = "nothing was seen yet"

    def look(self) -> LedgerStatus | None:
        try:
            status = self.driver.status()
            self.goal = self.goal.from_here(status.height)
            self.seen = f"height {status.height}" + (", catching up" if status.catching_up else "")
            return status if self.goal.reached(self.driver, status) else None
        except NodeopsError as error:
            self.seen = error.what
            return None

    def tell(self, _: RetryCallState) -> None:
        self.report(f"waiting for {self.goal}: {self.seen}")


def wait_for(driver: Driver, goal: Goal, timeout_seconds: float, report: Callable[[str], None]) -> LedgerStatus:
    """Return the status of the node once it has reached a goal; `report` is told what is seen meanwhile.

    A node that does not answer may be starting, so it is asked again. Raise Timeout with what was seen last.
    """
    watch = _Watch(driver, goal, report)
    attempts = Retrying(
        retry=retry_if_result(lambda status: status is None),
        stop=stop_before_delay(timeout_seconds),
        wait=wait_fixed(_LOOK_EVERY_SECONDS),
        before_sleep=watch.tell,
        retry_error_callback=lambda _: None,
    )
    status = attempts(watch.look)
    if status is None:
        text = f"waited {timeout_seconds:g} s for {watch.goal}; last seen: {watch.seen}"
        raise Timeout(text, hint="nodeops status says what is wrong; --timeout SECONDS waits longer")
    return status

"""Wait for the ledger on this host: for a height, for more blocks, or until it has caught up."""

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, retry_if_result, stop_before_delay, wait_fixed

from nodeops.core.errors import InputError, NodeopsError, Timeout
from nodeops.ledger.answers import LedgerStatus
from nodeops.ledger.driver import Driver

_LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Goal:
    """What is waited for: exactly one of a height, a number of further blocks, or the end of catching up."""

    height: int | None = None
    blocks: int | None = None
    synced: bool = False

    def __post_init__(self) -> None:
        if sum((self.height is not None, self.blocks is not None, self.synced)) != 1:
            raise InputError("wait for exactly one thing", allowed="--height H, --blocks N or --synced")

    def from_here(self, height: int) -> "Goal":
        """Return the same goal with further blocks counted from a height."""
        return self if self.blocks is None else Goal(height=height + self.blocks)

    def reached(self, driver: Driver, status: LedgerStatus) -> bool:
        """Tell whether a node is there. Raise as the driver does."""
        return in_step(driver, status) if self.height is None else status.height >= self.height

    def __str__(self) -> str:
        """Return the goal in words."""
        if self.blocks is not None:
            return f"{self.blocks} more blocks"
        return "the node to catch up" if self.height is None else f"height {self.height}"


def in_step(driver: Driver, status: LedgerStatus) -> bool:
    """Tell whether a node has what its peers have, up to the block that is on its way.

    `catching_up` alone does not say so: CometBFT leaves block sync within a second when no peer has reported a height
    yet, and then fetches the missing blocks one by one while it says that it is not catching up. Half of the peers must
    be in reach, so that one that boasts changes nothing.
    """
    if status.catching_up or not status.height:
        return False
    claims = sorted(driver.peer_heights().values())
    if not claims:
        return [one.address for one in driver.validators().validators] == [status.validator_address]
    return status.height >= claims[len(claims) // 2] - 1


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

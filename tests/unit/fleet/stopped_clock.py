"""Time for the tests of --watch."""

import time

from nodeops.fleet.watch import _TICK_SECONDS


class StoppedClock:
    """A clock that stands still while answers are waited for, so that no load on this machine can end a round early."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if seconds == _TICK_SECONDS:
            time.sleep(0.001)
        else:
            self.now += seconds

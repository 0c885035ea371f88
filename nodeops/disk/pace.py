"""How soon the guard must look again: a filesystem that fills within seconds is not looked at once a second. Pure."""

from collections.abc import Sequence

from nodeops.disk.model import Filesystem

SLOWEST_SECONDS, FASTEST_SECONDS = 1.0, 0.05
# So many looks before a filesystem would be full at its present rate.
_LOOKS = 10
# What a flood that begins now may write until the next look, in bytes a second: more than one writer of logs does.
_SUDDEN = 250e6


def next_poll_seconds(rates: Sequence[tuple[Filesystem, float]]) -> float:
    """Return how long to wait; a rate is the growth of a filesystem since the last look, in bytes a second."""
    waits = [place.free / rate / _LOOKS for place, rate in rates if rate > 0]
    waits += [place.free / _SUDDEN for place, _ in rates]
    return min(SLOWEST_SECONDS, max(FASTEST_SECONDS, min(waits, default=SLOWEST_SECONDS)))

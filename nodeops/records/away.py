"""A node that is restarted meanwhile is waited for: it comes back, and what was asked of it can be asked again."""

import time

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Timeout

# A restart takes less; who has not begun yet is told after that.
RESTART_SECONDS = 20.0
_POLL_SECONDS = 0.25
# What the RPC's own client says of a node that is restarted just now.
_AWAY = ("does not answer", "no whole answer")


def patient(until: float) -> Retrying:
    """Return what calls a function again while the node is away, until then (as `time.monotonic` says); then its error is raised.

    The function must be one that may be called again: it reads, or sends what counts once however often it is sent.
    """
    return Retrying(
        retry=retry_if_exception(says_away),
        stop=stop_after_delay(max(0.0, until - time.monotonic())),
        wait=wait_fixed(_POLL_SECONDS),
        reraise=True,
    )


def says_away(error: BaseException) -> bool:
    """Tell whether an error is that a node does not answer just now."""
    return isinstance(error, HostError | Timeout) and any(words in error.what for words in _AWAY)

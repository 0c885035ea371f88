"""What came back of the questions to one peer: counted for ever, measured over the last minute. Pure: the caller has the clock.

A question is lost when no answer came within `TIMEOUT_SECONDS`, not when none came yet: what is still under way is no loss. An
answer that comes later is late: it was lost in time, and stays counted as lost. Times in seconds.
"""

from collections import deque
from dataclasses import dataclass, field
from statistics import median

TIMEOUT_SECONDS = 2.0
# How far back is looked: what a path is like is what it was like in the last minute.
RECENT_SECONDS = 60.0
# RFC 3550, 6.4.1: each new difference moves the jitter by a sixteenth.
_JITTER_SHARE = 16
# Answers to questions older than these are not recognised any more.
_REMEMBERED_SECONDS = 30.0


@dataclass
class Counts:
    """What happened to the questions since the process started."""

    sent: int = 0
    answered: int = 0
    lost: int = 0
    late: int = 0
    duplicate: int = 0
    # Questions the kernel would not send: no route, no buffer. Neither sent nor lost; ill in the last minute.
    unsent: int = 0


@dataclass
class Window:
    """The questions to one peer and their answers."""

    counts: Counts = field(default_factory=Counts)
    jitter: float = 0.0
    answered_at: float | None = None
    # Number -> when it was asked, and its fate: None under way, False lost, True answered.
    _asked: dict[int, tuple[float, bool | None]] = field(default_factory=dict)
    # When it ended, and how long it took; None for one that was lost.
    _ended: deque[tuple[float, float | None]] = field(default_factory=deque)

    def asked(self, number: int, now: float) -> None:
        """Take down a question."""
        self.counts.sent += 1
        self._asked[number] = (now, None)

    def not_sent(self, now: float) -> None:
        """Take down a question that never left the host: no packet was lost, and yet nothing gets through."""
        self.counts.unsent += 1
        self._ended.append((now, None))

    def answered(self, number: int, now: float, rtt: float) -> None:
        """Take down an answer: in time, late, a second one, or to nothing that is remembered."""
        self._give_up(number, now)
        at, fate = self._asked.get(number, (0.0, True))
        if fate is True:
            self.counts.duplicate += 1
            return
        self._asked[number] = (at, True)
        self.answered_at = now
        if fate is False:
            self.counts.late += 1
            return
        self.counts.answered += 1
        self._measured(now, rtt)

    def _measured(self, now: float, rtt: float) -> None:
        before = next((one for _, one in reversed(self._ended) if one is not None), None)
        if before is not None:
            self.jitter += (abs(rtt - before) - self.jitter) / _JITTER_SHARE
        self._ended.append((now, rtt))

    def look(self, now: float) -> None:
        """Count what was not answered in time as lost, and forget what is old."""
        for number, (at, _) in list(self._asked.items()):
            self._give_up(number, now)
            if now - at > _REMEMBERED_SECONDS:
                del self._asked[number]
        while self._ended and now - self._ended[0][0] > RECENT_SECONDS:
            self._ended.popleft()

    def _give_up(self, number: int, now: float) -> None:
        at, fate = self._asked.get(number, (now, None))
        if fate is None and now - at > TIMEOUT_SECONDS:
            self.counts.lost += 1
            self._asked[number] = (at, False)
            self._ended.append((now, None))

    def view(self, now: float) -> "View":
        """Return the figures of the last minute."""
        recent = [rtt for at, rtt in self._ended if now - at <= RECENT_SECONDS]
        rtts = sorted(rtt for rtt in recent if rtt is not None)
        return View(
            ended=len(recent),
            lost=len(recent) - len(rtts),
            rtt_median=median(rtts) if rtts else None,
            rtt_p99=rtts[min(len(rtts) - 1, int(len(rtts) * 0.99))] if rtts else None,
            jitter=self.jitter if rtts else None,
            silent_seconds=None if self.answered_at is None else max(0.0, now - self.answered_at),
        )


@dataclass(frozen=True)
class View:
    """The last minute of a path: questions that ended, how many of them were lost or never sent, round trips in seconds or None.

    `silent_seconds` since the last answer, None when there never was one.
    """

    ended: int
    lost: int
    rtt_median: float | None
    rtt_p99: float | None
    jitter: float | None
    silent_seconds: float | None

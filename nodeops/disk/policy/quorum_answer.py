"""What an answer of the quorum gate is worth, and when the gate is asked again. Pure.

Times are seconds since boot: a clock that is set would make an answer old, and silence long enough to stop a node that is needed.
"""

from dataclasses import dataclass

UNIT = "nodeops-quorum.service"
# An "open" gate is open for a few blocks; that others need this node holds until they were asked again.
_FRESH_SECONDS = {"open": 5.0, "wait": 20.0, "closed": 90.0}
# Stopping in order is safer than a full disk: a ledger that does not answer is not waited for any longer.
PATIENCE_SECONDS = 15.0
# Each question is a second of CPU. Who waits for its turn must not miss it.
_EVERY_SECONDS = {"": 5.0, "wait": 4.0, "closed": 30.0}


@dataclass(frozen=True)
class Quorum:
    """Whether the node may stop as far as the others are concerned, why, and whether the gate should be asked now."""

    may_stop: bool = True
    why: str = ""
    ask: bool = False


FREE_TO_STOP = Quorum()


@dataclass(frozen=True)
class Answer:
    """What the gate said, "" for nothing, and when it was heard."""

    verdict: str = ""
    why: str = ""
    at: float = float("-inf")


def judged(answer: Answer, now: float, since: float, asked: float) -> Quorum:
    """Return what an answer is worth `now`, to a guard that wants to stop the node since `since` and asked last at `asked`."""
    fresh = _FRESH_SECONDS.get(answer.verdict, 0.0)
    verdict = answer.verdict if now - answer.at <= fresh else ""
    if verdict == "open":
        return Quorum(may_stop=True, why=answer.why)
    ask = now - asked >= _EVERY_SECONDS[verdict]
    if verdict:
        return Quorum(may_stop=False, why=answer.why, ask=ask)
    if max(since, answer.at) > now - PATIENCE_SECONDS:
        return Quorum(may_stop=False, why="the quorum gate has not answered yet", ask=ask)
    return Quorum(may_stop=True, why="the quorum gate does not answer", ask=ask)

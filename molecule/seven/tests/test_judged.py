"""The judge of the schedules tells a stop that the others could bear from one that they could not."""

import hosts
import pytest
from judged import Chain, Stop, spare

ALL = frozenset(hosts.NODES)
A, B, C = hosts.NODES[:3]
# A block a second from 1000 on; the stop that is judged is at 1030.5, asked for some seconds before.
AT = 1030.5


def seen(**gone: int | range) -> Chain:
    """Return a chain of sixty blocks, whose validators vote but for those that are gone: since a block, or for some."""
    absent = {node.replace("_", "-"): one if isinstance(one, range) else range(one, 60) for node, one in gone.items()}
    votes = [frozenset(one for one in ALL if place not in absent.get(one, ())) for place in range(60)]
    return Chain(1, [1000.0 + place for place in range(60)], votes)


def name(node: str) -> str:
    return node.replace("-", "_")


@pytest.mark.parametrize(
    ("chain", "others", "left"),
    [
        (seen(), [], 1),
        (seen(**{name(B): 10}), [], 0),
        (seen(**{name(B): 10, name(C): 10}), [], -1),
        # Gone for fewer blocks than the gate looks back.
        (seen(**{name(B): 10, name(C): 26}), [], 0),
        # Stopped by another a moment before, and not back.
        (seen(**{name(B): 10, name(C): 29}), [Stop(1029.0, C)], -1),
        # Stopped and back.
        (seen(**{name(B): 10}), [Stop(1020.0, C)], 0),
        # Back in the block before the stop, which the gate may have seen.
        (seen(**{name(B): range(10, 30)}), [Stop(1030.4, C)], 0),
        # Who has no vote costs none.
        (seen(**{name(A): 10, name(B): 10, name(C): 10}), [], None),
    ],
)
def test_a_stop_is_judged_by_who_was_left(chain: Chain, others: list[Stop], left: int | None) -> None:
    stop = Stop(AT, A)
    assert spare(stop, {stop, *others}, chain) == left


def test_a_chain_that_stands_has_no_quorum_to_lose() -> None:
    stop = Stop(2000.0, A)
    assert spare(stop, {stop}, seen()) is None

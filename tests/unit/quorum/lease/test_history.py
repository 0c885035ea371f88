"""Leases of long ago keep the ends that they came to, whatever a book forgets."""

from nodeops.quorum.lease.history import granted
from tests.unit.quorum.lease.samples import HOUR, SEVEN, START, acquire, release, renew, said


def test_all_that_was_granted_is_there_with_its_end() -> None:
    day = 24 * HOUR
    entries = [
        said(0, "a", acquire("a-1")),
        said(60, "b", acquire("a-2")),
        said(600, "a", renew("a-1", 2 * HOUR)),
        said(900, "a", release("a-1")),
        said(3 * day, "b", acquire("b-1", HOUR)),
        said(9 * day, "c", acquire("c-1", HOUR)),
    ]
    found = granted(entries, SEVEN)
    assert [(one.node, one.since - START, one.until - START) for one in found] == [
        ("a-1", 0, 900),
        ("b-1", 3 * day, 3 * day + HOUR),
        ("c-1", 9 * day, 9 * day + HOUR),
    ]


def test_a_lease_that_is_renewed_is_one() -> None:
    found = granted([said(0, "a", acquire("a-1")), said(600, "a", renew("a-1", HOUR))], SEVEN)
    assert [(one.since - START, one.until - START) for one in found] == [(0, 600 + HOUR)]

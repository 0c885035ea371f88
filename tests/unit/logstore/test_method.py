"""Which way of making a log smaller is chosen, how much at once, and when bytes were written: tables."""

from dataclasses import replace

import pytest

from nodeops.logstore.cut import LARGEST_CUT_BYTES, cut_bytes, room_bytes, smaller
from nodeops.logstore.marks import MARKS, Mark, enclosed, marked
from nodeops.logstore.method import Facts, choose

LOG = Facts(rotator="none", regular=True, links=1, writers=1)
METHODS = {
    "one that appends": (LOG, "collapse", "1 of 1 writers append"),
    "nobody writes": (replace(LOG, writers=0), "collapse", "nobody has the log open now"),
    "own rotation": (replace(LOG, rotator="own"), "rotated", "rotates its log itself"),
    "own rotation behind a link": (replace(LOG, rotator="own", regular=False), "rotated", "rotates its log itself"),
    "own rotation without append": (replace(LOG, rotator="own", not_appending=["geth"]), "rotated", "rotates"),
    "opens again": (replace(LOG, rotator="reopen", not_appending=["nginx"]), "reopen", "on a signal"),
    "opens again, no collapse": (replace(LOG, rotator="reopen", collapse_refusal="no"), "reopen", "on a signal"),
    "opens again, a link": (replace(LOG, rotator="reopen", regular=False), "refused", "is no regular file"),
    "opens again, two names": (replace(LOG, rotator="reopen", links=2), "refused", "has 2 names"),
    "a pipe": (replace(LOG, regular=False), "refused", "is no regular file"),
    "two names": (replace(LOG, links=2), "refused", "has 2 names"),
    "deleted": (replace(LOG, links=0), "refused", "has 0 names"),
    "does not append": (replace(LOG, not_appending=["b", "a", "b"]), "refused", "without O_APPEND by a, b:"),
    "through memory": (replace(LOG, mapping=["db"], not_appending=["db"]), "refused", "through memory by db"),
    "btrfs": (replace(LOG, collapse_refusal="the filesystem cannot"), "refused", "cannot: put the log on ext4 or XFS"),
    "holes": (replace(LOG, holes=True), "refused", "has holes"),
}


@pytest.mark.parametrize(("facts", "kind", "reason"), METHODS.values(), ids=METHODS)
def test_the_method(facts, kind, reason):
    method = choose(facts)
    assert (method.kind, reason in method.reason) == (kind, True)


@pytest.mark.parametrize(
    ("size", "most", "cut"),
    [(0, 99, 0), (10, 99, 0), (11, 99, 10), (20, 99, 10), (21, 99, 20), (99, 35, 30), (99, 9, 0), (99, 0, 0)],
)
def test_a_cut_is_whole_blocks_and_leaves_a_byte(size, most, cut):
    assert cut_bytes(size, most, 10) == cut


@pytest.mark.parametrize(
    ("free", "room"), [(-1, 0), (0, 0), (8191, 0), (8192, 4096), (10 << 20, 5 << 20), (1 << 40, LARGEST_CUT_BYTES)]
)
def test_a_cut_has_room_even_if_nothing_compresses(free, room):
    assert room_bytes(free, 4096) == room


def test_a_cut_without_room_is_tried_smaller_and_then_no_more():
    sizes = [LARGEST_CUT_BYTES]
    while sizes[-1]:
        sizes.append(smaller(sizes[-1], 4096))
    assert sizes == [64 << 20, 16 << 20, 4 << 20, 1 << 20, 256 << 10, 64 << 10, 0]


TEN = (Mark(1.0, 0), Mark(2.0, 10), Mark(3.0, 20), Mark(9.0, 20), Mark(10.0, 30))
TIMES = {
    "between two looks": ((10, 20), (2.0, 3.0)),
    "nothing was written for a while": ((20, 25), (9.0, 10.0)),
    "not seen yet": ((30, 40), (10.0, 99.0)),
    "over looks": ((5, 25), (1.0, 10.0)),
}


@pytest.mark.parametrize(("part", "times"), TIMES.values(), ids=TIMES)
def test_bytes_are_enclosed_by_looks(part, times):
    assert enclosed(TEN, *part, now=99.0) == times


def test_without_a_look_the_beginning_is_unknown():
    assert enclosed((), 0, 10, 5.0) == (0.0, 5.0)


def test_a_clock_that_was_set_back_keeps_the_order():
    assert enclosed((Mark(100.0, 0), Mark(50.0, 10)), 0, 10, 60.0) == (50.0, 100.0)


def test_marks_stay_few_and_still_enclose():
    marks: tuple[Mark, ...] = ()
    for second in range(1000):
        marks = marked(marks, 0, Mark(float(second), second * 10))
        assert len(marks) <= MARKS
    assert (marks[0], marks[-1]) == (Mark(0.0, 0), Mark(999.0, 9990))
    for start in range(0, 9990, 370):
        began, ended = enclosed(marks, start, start + 10, 999.0)
        assert began <= start / 10 <= start / 10 + 1 <= ended


def test_marks_below_the_base_go_but_for_the_last():
    assert marked(TEN, 20, Mark(20.0, 40)) == (Mark(9.0, 20), Mark(10.0, 30), Mark(20.0, 40))
    assert marked(TEN, 20, Mark(20.0, 30))[-1] == Mark(20.0, 30)
    assert marked(TEN, 20, Mark(20.0, 29)) == (Mark(9.0, 20), Mark(10.0, 30))

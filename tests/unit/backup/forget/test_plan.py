"""What may go: whoever writes into a repository can neither bring what is good there out of it, nor take it along."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.backup.forget.plan import Arrived, Kept, Whole, judge, sampled, to_forget, whole
from nodeops.backup.policy import Snapshot
from nodeops.core.finding import failed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = Kept(all_days=30, daily_days=365)


def arrived(name: str, at: datetime, claimed: datetime | None = None, **tags: str) -> Arrived:
    return Arrived(name, at, Snapshot(name[:8], "cu-1", claimed or at, tags, ["/x"]))


def backup(name: str, at: datetime, claimed: datetime | None = None, marked: datetime | None = None) -> list[Arrived]:
    """Return a backup and the mark that makes it whole."""
    mark = arrived(f"mark-of-{name}", marked or at, **{"class": "mark", "of": name})
    return [arrived(name, at, claimed, **{"class": "b"}), mark]


def two_a_day(days: int, first: int = 0) -> list[Arrived]:
    """Return a backup of each night and of each morning."""
    midnight = NOW.replace(hour=0)
    moments = [(day, hour) for day in range(first, first + days) for hour in (1, 11)]
    return [one for day, hour in moments for one in backup(f"{day:04}-{hour:02}", midnight - day * DAY + hour * HOUR)]


def left(found: list[Arrived], kept: Kept = KEPT) -> set[str]:
    """Return which whole backups are left."""
    gone = set(to_forget(found, NOW, kept))
    return {one.id for one in whole([one for one in found if one.id not in gone])}


def test_all_of_the_last_days_stay_then_the_first_of_each_day_then_of_each_month():
    found = two_a_day(800)
    staying = left(found)
    assert {name for name in staying if name.endswith("-11")} == {f"{day:04}-11" for day in range(30)}
    assert {f"{day:04}-01" for day in range(365)} <= staying
    old = [one for one in whole(found) if NOW - one.at > 365 * DAY]
    firsts = [f"{one.at:%Y-%m}" for one in old if one.id in staying]
    assert firsts == sorted({f"{one.at:%Y-%m}" for one in old})


def test_marks_go_with_what_they_name_and_what_was_never_finished_goes_when_it_is_old():
    found = [*two_a_day(3), *two_a_day(2, first=50), arrived("torn-old", NOW - 40 * DAY, **{"class": "b"})]
    found += [arrived("torn-new", NOW - DAY, **{"class": "b"}), arrived("sealed", NOW - 300 * DAY, **{"class": "a"})]
    gone = to_forget(found, NOW, KEPT)
    assert sorted(gone) == ["0050-11", "0051-11", "mark-of-0050-11", "mark-of-0051-11", "torn-old"]


def test_a_flood_of_new_ones_pushes_nothing_out():
    good = [*two_a_day(40), *two_a_day(20, first=400)]
    flood = [one for number in range(3000) for one in backup(f"flood-{number:04}", NOW - timedelta(seconds=3000 - number))]
    assert left(good) <= left(good + flood)


@pytest.mark.parametrize("claimed", [NOW - 3000 * DAY, NOW - 400 * DAY, NOW - 35 * DAY, NOW + 1000 * DAY])
def test_a_false_time_changes_nothing_of_what_goes(claimed):
    good = two_a_day(60)
    false = [one for number in range(50) for one in backup(f"false-{number}", NOW - HOUR, claimed=claimed)]
    assert left(good) <= left(good + false)


def test_one_that_is_marked_late_comes_late():
    """Else an unfinished one of long ago, marked now, would be the first of its day and push the good one out."""
    good = backup("good", NOW - 50 * DAY)
    early = backup("early", NOW - 50 * DAY - HOUR, marked=NOW - HOUR)
    assert "good" in left(good + early + two_a_day(2))


def test_one_whose_id_begins_as_that_of_a_good_one_does_not_take_its_mark_along():
    good = backup("same-idA", NOW - 50 * DAY)
    twin = Arrived("same-idA-other", NOW - 50 * DAY + HOUR, Snapshot("same-idA", "cu-1", NOW, {"class": "b"}, ["/x"]))
    assert "same-idA" in left([*good, twin, *two_a_day(2)])


def test_the_newest_stays_however_old():
    assert left(two_a_day(1, first=900)) >= {"0900-01", "0900-11"}


moments = st.integers(0, 900 * 24).map(lambda hours: NOW - hours * HOUR)


@settings(max_examples=200, deadline=None)
@given(st.lists(moments, min_size=1, max_size=40), st.lists(st.tuples(moments, moments), max_size=20))
def test_whatever_arrives_after_the_good_ones_none_of_those_goes_because_of_it(good, later):
    """But for the newest of them, which is the newest no more: of its day and month it is kept as any other is."""
    have = [one for number, at in enumerate(sorted(good)) for one in backup(f"good-{number:03}", at)]
    end = max(good)
    more = [one for number, (at, claim) in enumerate(later) if at > end for one in backup(f"bad-{number:03}", at, claimed=claim)]
    assert left(have) - left(have + more) <= {f"good-{len(good) - 1:03}"}


def findings(backups: list[Whole], sizes: dict[str, int] | None = None, damage: str = "") -> set[str]:
    judged = judge(backups, sizes or dict.fromkeys(sampled(backups), 1000), NOW, damage)
    return {one.id for one in judged if failed([one])}


def of(*moments: tuple[timedelta, timedelta]) -> list[Whole]:
    """Return backups by how long ago each came, and how long before that it says it was made."""
    return [Whole(f"{n}", NOW - ago - before, NOW - ago, []) for n, (ago, before) in enumerate(moments)]


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("backups", "wrong"),
    [
        (of((2 * DAY, SECOND), (HOUR, SECOND)), set()),
        (of((2 * DAY, HOUR), (HOUR, -timedelta(minutes=4))), set()),
        (of((2 * DAY, DAY), (HOUR, SECOND)), {"forget.times"}),
        (of((2 * DAY, SECOND), (HOUR, -DAY)), {"forget.times"}),
        (of((9 * DAY, SECOND)), {"forget.newest"}),
        (of((-HOUR, SECOND)), {"forget.newest"}),
        ([], {"forget.newest"}),
    ],
)
def test_times_that_disagree_with_arrival_and_clocks_that_went_wrong_are_found(backups, wrong):
    assert findings(backups) == wrong


@pytest.mark.parametrize(("newest", "wrong"), [(1000, set()), (500, set()), (499, {"forget.sizes"}), (0, {"forget.sizes"})])
def test_a_size_that_collapses_is_found(newest, wrong):
    backups = of((3 * DAY, SECOND), (2 * DAY, SECOND), (DAY, SECOND))
    assert findings(backups, {"0": 1000, "1": 1000, "2": newest}) == wrong


def test_damage_is_found():
    assert findings(of((HOUR, SECOND)), damage="pack 1 is damaged") == {"forget.integrity"}

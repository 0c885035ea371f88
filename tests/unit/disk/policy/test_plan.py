"""What the guard does: by stage, by retention, within what is held, newest, or still to be shipped."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.disk.model import Retention, Stage
from nodeops.disk.policy.plan import MOST_FILES, Asked, Place, next_poll_seconds, plan
from nodeops.disk.policy.quorum_answer import Quorum
from nodeops.disk.policy.retention import kept_newest, require_possible
from nodeops.logstore.naming import cover
from tests.unit.disk.samples import GIB, MIB, NOW, filesystem, hold, live, segment, shelf, situation


def kinds(seen):
    return [action.kind for action in plan(seen).actions]


def purged(seen):
    return [action.target for action in plan(seen).actions if action.kind == "purge"]


def test_nothing_to_do():
    assert plan(situation(50)).actions == ()


@pytest.mark.parametrize(
    ("log", "used", "rule"),
    [
        (live(9 * MIB), 50, "seal.bytes"),
        (live(MIB, oldest=NOW - 3600), 50, "seal.seconds"),
        (live(MIB), 86, "stage.low"),
        (live(300_000), 86, None),
        (live(300_000), 91, "stage.high"),
        (live(MIB, oldest=NOW - 60), 50, None),
        (live(100 * MIB, sealable=False), 99, None),
        (live(100_000), 99, None),
    ],
)
def test_when_a_log_is_sealed(log, used, rule):
    assert [one.rule for one in plan(situation(used, log=log)).actions if one.kind == "seal"] == ([rule] if rule else [])


def test_high_purges_the_oldest_down_to_the_low_mark():
    seen = situation(91, kept=shelf(20))
    assert purged(seen) == [segment(number).name for number in range(8)]
    assert plan(seen).short == 0


def test_what_is_missing_after_all_that_is_allowed_is_said():
    assert plan(situation(91, kept=shelf(3))).short > 20 * MIB


def test_one_tick_removes_no_more_than_its_share_and_the_next_goes_on():
    seen = situation(20, kept=shelf(1000, ended=NOW - 900000))
    assert len(purged(seen)) == MOST_FILES
    assert plan(seen).short == 0


def test_a_held_range_stays():
    held = shelf(10, holds=[hold(NOW - 7200, NOW)])
    assert purged(situation(99, kept=held)) == []
    assert purged(situation(99, kept=shelf(10, holds=[hold(NOW - 9000, NOW - 8000)])))


def test_what_must_be_shipped_first_stays_unless_it_may_be_lost():
    shipped = [segment(0).name, segment(3).name]
    assert purged(situation(99, kept=shelf(10, shipped=shipped, required=True))) == shipped
    assert purged(situation(91, kept=shelf(10, shipped=shipped, required=True, lossy=True))) == shipped
    assert len(purged(situation(96, kept=shelf(10, shipped=shipped, required=True, lossy=True)))) > len(shipped)


def test_shipped_ones_go_first():
    assert purged(situation(91, kept=shelf(20, shipped=[segment(5).name])))[0] == segment(5).name


def test_at_critical_only_the_newest_is_kept():
    assert len(purged(situation(99, kept=shelf(3)))) == 2
    assert len(purged(situation(96, kept=shelf(3)))) == 1


def test_retention_lets_go_what_is_too_old_or_too_much():
    assert len(purged(situation(20, kept=shelf(5, ended=NOW - 90000)))) == 3
    assert len(purged(situation(20, kept=shelf(10, max_bytes=20 * MIB)))) == 5
    assert {action.rule for action in plan(situation(20, kept=shelf(30))).actions} == {"retention.max_bytes"}


def test_nothing_is_purged_while_the_index_is_made_anew():
    assert purged(situation(99, kept=shelf(10), rebuilding=True)) == []


def test_a_person_may_ask_for_more():
    assert purged(situation(20, kept=shelf(10), asked=Asked(purge_bytes=9 * MIB))) == [segment(n).name for n in range(3)]
    assert kinds(situation(20, log=live(1000), asked=Asked(seal=True))) == ["seal"]


def test_the_journal_shrinks_from_low_on():
    assert kinds(situation(86, uses=("journal", "system"))) == ["vacuum_journal"]
    assert kinds(situation(80, uses=("journal", "system"))) == []


def test_ballast_is_given_back_at_flood_and_taken_again_when_all_is_well():
    full = Place(filesystem(96), Stage.FLOOD, ("data",), 4 * MIB)
    assert kinds(situation(10, places=[full])) == ["release_ballast"]
    calm = replace(full, filesystem=filesystem(60), stage=Stage.NORMAL, ballast_bytes=0, ballast_missing=True)
    assert kinds(situation(10, places=[calm])) == ["restore_ballast"]
    assert kinds(situation(10, places=[replace(calm, filesystem=filesystem(86))])) == []


def test_the_node_stops_before_its_disk_is_full_and_starts_below_the_low_mark():
    full = Place(filesystem(98.5), Stage.CRITICAL, ("data",))
    assert kinds(situation(0, places=[full])) == ["stop_node"]
    assert kinds(situation(0, places=[full], node_running=False, node_stopped=True)) == []
    for used, expected in ((86, []), (84, ["start_node"])):
        now = replace(full, filesystem=filesystem(used))
        assert kinds(situation(0, places=[now], node_running=False, node_stopped=True)) == expected


QUORUM = {
    "the gate is open": (98.5, 100 * GIB, Quorum(), ["stop_node"]),
    "asked first": (98.5, 100 * GIB, Quorum(may_stop=False, ask=True), ["ask_quorum"]),
    "the others need it": (98.5, 100 * GIB, Quorum(may_stop=False), []),
    "no percent is left": (99.6, 100 * GIB, Quorum(may_stop=False), ["stop_node"]),
    "no byte is left to wait": (98.5, 2 * GIB, Quorum(may_stop=False), ["stop_node"]),
    "not critical": (97.5, 100 * GIB, Quorum(may_stop=False, ask=True), []),
}


@pytest.mark.parametrize(("used", "total", "quorum", "expected"), QUORUM.values(), ids=QUORUM)
def test_a_node_that_the_others_need_stops_only_when_there_is_no_room_to_wait(used, total, quorum, expected):
    full = Place(filesystem(used, total=total), Stage.CRITICAL, ("data",))
    assert kinds(situation(0, places=[full], quorum=quorum)) == expected


def test_the_last_resort_counts_inodes_as_well():
    full = Place(filesystem(10, total=100 * GIB, inodes_percent=99.6), Stage.CRITICAL, ("data",))
    (action,) = plan(situation(0, places=[full], quorum=Quorum(may_stop=False))).actions
    assert (action.kind, action.rule) == ("stop_node", "last_resort")


def test_a_filesystem_that_the_node_does_not_write_to_does_not_stop_it():
    assert "stop_node" not in kinds(situation(0, places=[Place(filesystem(99), Stage.CRITICAL, ("system",))]))


@given(st.floats(0, 100), st.integers(0, 30), st.sampled_from(Stage), st.booleans(), st.sets(st.integers(0, 29)))
def test_no_plan_ever_takes_a_held_the_newest_or_an_unknown_segment(used, count, stage, required, shipped):
    kept = shelf(count, holds=[hold(NOW - 1e9, NOW - 5000)], shipped=[segment(n).name for n in shipped], required=required)
    old = [replace(one, began=NOW - 9000, ended=NOW - 8000) if n % 3 == 0 else one for n, one in enumerate(kept.segments)]
    kept = replace(kept, segments=old)
    targets = purged(situation(used, stage=stage, kept=kept))
    known = {one.name: one for one in old}
    assert len(targets) == len(set(targets))
    assert not set(targets) & kept_newest(kept, 0)
    assert all(known[name].ended > NOW - 5000 for name in targets)
    assert not required or set(targets) <= kept.shipped


@pytest.mark.parametrize(
    "retention",
    [Retention(86400, 10 * MIB, 11 * MIB), Retention(60, 1 << 40, 0), Retention(86400, 1 << 40, 200 * MIB)],
)
def test_a_retention_that_can_never_be_met_is_refused(retention):
    with pytest.raises(InputError, match="disk"):
        require_possible(retention, 3600, 256 * MIB)


def test_the_quicker_it_fills_the_sooner_it_is_looked_at():
    calm, full = filesystem(5), filesystem(75)
    assert next_poll_seconds([(full, 0.0)]) < 0.3
    assert next_poll_seconds([(filesystem(5, total=512 * MIB), 0.0)]) == 1.0
    assert next_poll_seconds([(calm, 1e3), (full, 100e6)]) < 0.1


def test_what_is_missing_and_what_is_there_twice():
    assert cover([(0, 10), (10, 20)], 20) == cover([(10, 20), (0, 10), (0, 10)], 20)
    assert cover([(0, 10), (12, 20)], 25).missing == ((10, 12), (20, 25))
    assert cover([(0, 10), (8, 20)], 20).twice == ((8, 10),)
    assert cover([], 0).missing == ()

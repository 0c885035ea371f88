"""What a drill says of a backup, in a table: each thing that can be wrong fails by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nodeops.backup.policy import Snapshot
from nodeops.backup.restore.drill_rules import Drilled, doubts, judge, lacking_seconds, require_room
from nodeops.backup.restore.plan import Block, Mark
from nodeops.core.errors import Refused

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BLOCK = Block(9, "AB", int((NOW - timedelta(seconds=90)).timestamp()), 0, frozenset({"alpha", "beta", "gamma"}))
TAGS = {"height": "9", "block": "AB", "app": "CD"}
SOUND = Drilled(
    organisation="alpha",
    wanted=["/etc/n.json", "/var/lib/n"],
    files={"/etc/n.json": "1", "/var/lib/n/a": "2"},
    tags=TAGS,
    claimed=NOW - timedelta(seconds=60),
    state=Mark(11, 0, 2),
    same_genesis=True,
    tip=10,
    block=BLOCK,
    app_hash="CD",
)


def verdicts(found: Drilled) -> dict[str, str]:
    return {one.id: one.verdict.value for one in judge(found)}


def test_a_sound_backup_passes() -> None:
    assert set(verdicts(SOUND).values()) == {"pass"}
    assert len(verdicts(SOUND)) == 6


CASES = {
    "a file is missing": ({"files": {"/etc/n.json": "1"}}, "drill.files", "fail"),
    "nothing is there": ({"files": {}}, "drill.files", "fail"),
    "a state above the chain": ({"state": Mark(12)}, "drill.signing_state", "fail"),
    "a state that cannot be read": ({"state": None}, "drill.signing_state", "fail"),
    "another chain": ({"same_genesis": False}, "drill.genesis", "fail"),
    "another block": ({"tags": {**TAGS, "block": "FF"}}, "drill.block", "fail"),
    "another application": ({"app_hash": "FF"}, "drill.block", "fail"),
    "signed by one other only": ({"block": replace(BLOCK, signers=frozenset({"alpha", "beta"}))}, "drill.block", "fail"),
    "made while the ledger was silent": ({"tags": {}}, "drill.block", "warn"),
    "a block that is not here": ({"block": None}, "drill.block", "warn"),
    "no archive of keys": ({"keys": "none"}, "drill.keys", "warn"),
    "another archive of keys": ({"keys": "changed, or gone"}, "drill.keys", "fail"),
    "no block after it": ({"app_hash": None}, "drill.block", "warn"),
    "a clock a day behind": ({"claimed": NOW - DAY}, "drill.newest", "warn"),
    "a clock a day ahead": ({"claimed": NOW + DAY}, "drill.newest", "warn"),
    "another claims to be newer": ({"doubted": ["x claims a later time and an earlier block"]}, "drill.newest", "warn"),
}


def test_in_a_consortium_of_two_the_other_one_is_enough_and_must_have_signed() -> None:
    two = replace(SOUND, others=1, block=replace(BLOCK, signers=frozenset({"alpha", "beta"})))
    assert verdicts(two)["drill.block"] == "pass"
    assert verdicts(replace(two, block=replace(BLOCK, signers=frozenset({"alpha"}))))["drill.block"] == "fail"


@pytest.mark.parametrize(("change", "finding", "verdict"), CASES.values(), ids=CASES)
def test_what_is_wrong_is_found_alone(change: dict[str, object], finding: str, verdict: str) -> None:
    said = verdicts(replace(SOUND, **change))  # type: ignore[arg-type]
    assert {name: one for name, one in said.items() if one != "pass"} == {finding: verdict}


@pytest.mark.parametrize(("needed", "free", "fits"), [(10, 110, True), (11, 110, False), (0, 99, False), (0, 100, True)])
def test_the_reserve_stays(needed: int, free: int, fits: bool) -> None:
    if fits:
        require_room(needed, free, 100, "/")
    else:
        with pytest.raises(Refused, match="must stay"):
            require_room(needed, free, 100, "/")


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], []),
        ([("y", "9", -1)], []),
        ([("y", None, -1)], []),
        ([("y", "8", 0.5)], ["y claims a later time and an earlier block"]),
        ([("y", "8", 2)], ["y claims to be of 2026-11-02 00:00, which is to come"]),
        ([("y", "11", -1)], ["y claims a block that the chain does not have"]),
        ([("y", "many", -1)], ["y claims a block that the chain does not have"]),
    ],
)
def test_what_speaks_against_the_newest(others: list[tuple[str, str | None, float]], said: list[str]) -> None:
    newest = Snapshot("x", "cu-1", NOW - DAY, {"height": "9"}, ())
    more = [Snapshot(name, "cu-1", NOW + (at - 1) * DAY, {"height": height} if height else {}, ()) for name, height, at in others]
    assert list(doubts([newest, *more], newest, 10, NOW)) == said


@pytest.mark.parametrize(
    ("block", "claimed", "seconds"),
    [(BLOCK, NOW + DAY, 90.0), (BLOCK, NOW - DAY, 90.0), (None, NOW - DAY, 86400.0), (None, NOW + DAY, 0.0)],
)
def test_what_a_backup_lacks_is_told_by_its_block_and_not_by_its_clock(
    block: Block | None, claimed: datetime, seconds: float
) -> None:
    assert lacking_seconds(replace(SOUND, block=block, claimed=claimed), NOW) == seconds


def test_a_flood_of_claims_is_told_in_a_line() -> None:
    many = replace(SOUND, doubted=[f"{number} claims" for number in range(500)])
    (found,) = [one for one in judge(many) if one.id == "drill.newest"]
    assert "497 more" in found.actual and len(found.actual) < 100

"""The ladder of stages: entered at once, left only after a while, and always by itself. Pure.

Rules: the highest stage whose watermark is reached counts, for bytes and for inodes alike. A forecast alone goes no further
than `low`. A stage is left when its leave watermark was kept for LEAVE_SECONDS without a break, so a level that swings around
a watermark changes the stage once, not with every swing.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from nodeops.core.errors import InputError
from nodeops.disk.model import LastResort, Stage, Threshold
from nodeops.host.filesystem import Filesystem

LEAVE_SECONDS = 300.0
# Time to full at which a forecast enters a stage; `high` only when this much is used already.
_FORECAST_SECONDS = {Stage.HIGH: 3600.0, Stage.LOW: 6 * 3600.0, Stage.WATCH: 24 * 3600.0}
_HIGH_NEEDS_PERCENT = 80.0
_WHERE = "nodeops_choices.disk.watermarks"


@dataclass(frozen=True)
class Ladder:
    """Where one filesystem stands: its stage, and since when (monotonic seconds) it could be left; None while it cannot.

    `floor` is the highest stage that could not have been left at any moment since: it is not passed over.
    """

    stage: Stage = Stage.NORMAL
    leaving: float | None = None
    floor: Stage = Stage.NORMAL


def _laws() -> dict[str, Any]:
    return tomllib.loads((resources.files("nodeops.disk") / "stages.toml").read_text(encoding="utf-8"))


@cache
def defaults() -> tuple[Threshold, ...]:
    """Return the stages as the package has them, the lowest first."""
    rows = _laws()
    return tuple(_threshold(stage, rows[stage.name.lower()]) for stage in Stage if stage is not Stage.NORMAL)


@cache
def last_resort() -> LastResort:
    """Return when the node stops although the others need it."""
    row = _laws()["last_resort"]
    return LastResort(float(row["percent"]), int(row["free_bytes"]))


def _threshold(stage: Stage, row: Mapping[str, float]) -> Threshold:
    return Threshold(stage, float(row["percent"]), int(row["free_bytes"]), float(row["leave_percent"]))


def thresholds(watermarks: Mapping[str, float]) -> tuple[Threshold, ...]:
    """Return the stages with an inventory's percents in place of the package's. Raise InputError for percents out of order.

    A stage whose leave percent would not be below its own is left 5 points below.
    """
    found = []
    for one in defaults():
        percent = watermarks.get(one.stage.name.lower(), one.percent)
        found.append(Threshold(one.stage, percent, one.free_bytes, min(one.leave_percent, percent - 5.0)))
    for lower, higher in pairwise(found):
        if lower.percent >= higher.percent:
            what = f"{_name(lower)} ({lower.percent:g} %) is not below {_name(higher)} ({higher.percent:g} %)"
            raise InputError(what, where=_WHERE, allowed="watch < low < high < flood < critical, each between 5 and 100")
    if found[0].percent <= 5.0:
        raise InputError(f"watch at {found[0].percent:g} % is always reached", where=_WHERE, allowed="more than 5")
    return tuple(found)


def _name(one: Threshold) -> str:
    return one.stage.name.lower()


def reached(filesystem: Filesystem, marks: Sequence[Threshold], seconds_to_full: float | None = None) -> Stage:
    """Return the highest stage that a filesystem is in now, without regard to where it was before."""
    by_level = [one.stage for one in marks if _entered(filesystem, one)]
    return max([Stage.NORMAL, *by_level, _forecast(filesystem, seconds_to_full)])


def _entered(filesystem: Filesystem, mark: Threshold) -> bool:
    full = filesystem.used_percent >= mark.percent and filesystem.free <= mark.free_bytes
    return full or filesystem.inodes_used_percent >= mark.percent


def _forecast(filesystem: Filesystem, seconds: float | None) -> Stage:
    if seconds is None:
        return Stage.NORMAL
    high = Stage.HIGH if filesystem.used_percent > _HIGH_NEEDS_PERCENT else Stage.LOW
    entered = [stage for stage, limit in _FORECAST_SECONDS.items() if seconds < limit]
    return min(max(entered, default=Stage.NORMAL), high)


def next_ladder(
    ladder: Ladder, filesystem: Filesystem, marks: Sequence[Threshold], seconds_to_full: float | None, now: float
) -> Ladder:
    """Return where a filesystem stands after one look at it. `now` is monotonic, in seconds."""
    wanted = reached(filesystem, marks, seconds_to_full)
    if wanted >= ladder.stage:
        return Ladder(wanted)
    floor = max([wanted, *(one.stage for one in marks if one.stage <= ladder.stage and not _left(filesystem, one))])
    if floor >= ladder.stage:
        return Ladder(ladder.stage)
    since = now if ladder.leaving is None else min(ladder.leaving, now)
    floor = max(floor, ladder.floor) if ladder.leaving is not None else floor
    return Ladder(floor) if now - since >= LEAVE_SECONDS else Ladder(ladder.stage, since, floor)


def _left(filesystem: Filesystem, mark: Threshold) -> bool:
    enough = filesystem.used_percent < mark.leave_percent or filesystem.free > mark.free_bytes
    return enough and filesystem.inodes_used_percent < mark.leave_percent

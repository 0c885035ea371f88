"""What the guard does now: one plan for all filesystems, from what was seen. `nodeops disk plan` prints the same. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodeops.disk.model import Action, LastResort, Plan, Stage, Threshold
from nodeops.disk.policy.quorum_answer import FREE_TO_STOP, UNIT, Quorum
from nodeops.disk.policy.retention import SEALED_SHARE, Shelf, expired, removable
from nodeops.host.filesystem import Filesystem

SLOWEST_SECONDS, FASTEST_SECONDS = 1.0, 0.05
# So many looks before a filesystem would be full at its present rate.
_LOOKS = 10
# What a flood that begins now may write until the next look, in bytes a second: more than one writer of logs does.
_SUDDEN = 250e6

# A live log below this is not worth a segment, however full the disk is: its trailer and blocks cost as much.
SMALLEST_SEAL_BYTES = 256 << 10
# As long as there is some room, one below this share of the filesystem is not: a segment each second would be thousands.
_WORTH_SHARE = 1 / 256
# On a small filesystem the live log is sealed earlier: a flood must find room until the next tick.
_LIVE_SHARE = 1 / 32
# Logs are text: they become a fourth or less. Only a plan's promise, nothing is decided by it.
_SEALED_PART = 0.25


# The most that one tick removes: a mistake in a policy shows before much is gone.
MOST_FILES, MOST_BYTES = 256, 2 << 30


@dataclass(frozen=True)
class Place:
    """One filesystem: its stage, what it is used for ("log", "data", "journal" and others), and its ballast.

    `ballast_bytes` are those of the file that is given back next, 0 when none may be.
    """

    filesystem: Filesystem
    stage: Stage
    uses: Sequence[str]
    ballast_bytes: int = 0
    ballast_missing: bool = False


@dataclass(frozen=True)
class LiveLog:
    """The live log: its size, since when its oldest byte waits (Unix seconds), whether it can be sealed."""

    size: int
    oldest: float
    sealable: bool
    seal_bytes: int
    seal_seconds: float


@dataclass(frozen=True)
class Asked:
    """What a person asked for: seal the live log now, purge so many bytes now; within the same rules as everything else."""

    seal: bool = False
    purge_bytes: int = 0


@dataclass(frozen=True)
class Situation:
    """Everything a plan is made from. `now` in Unix seconds; `rebuilding`: the index is not whole, so nothing is purged."""

    places: Sequence[Place]
    live: LiveLog
    shelf: Shelf
    marks: Sequence[Threshold]
    last_resort: LastResort
    now: float
    node_stopped: bool
    node_running: bool
    rebuilding: bool
    asked: Asked = Asked()
    quorum: Quorum = FREE_TO_STOP


def plan(seen: Situation) -> Plan:
    """Return the actions of one tick in the order in which they are carried out.

    `short` are bytes that cannot be had by any of them, nor by those of the ticks to come.
    """
    log = next((one for one in seen.places if "log" in one.uses), None)
    actions = [*_ballast_given(seen), *_sealed(seen, log), *_purged(seen, log), *_vacuumed(seen), *_node(seen)]
    if not actions:
        actions = list(_ballast_taken(seen))
    return Plan(tuple(_of_one_tick(actions)), _short(seen, log, actions))


def _of_one_tick(actions: Sequence[Action]) -> Iterator[Action]:
    """Yield all actions, and of the purges as many as one tick may do."""
    files = size = 0
    for action in actions:
        if action.kind == "purge":
            files, size = files + 1, size + action.frees
            if files > MOST_FILES or size > MOST_BYTES:
                continue
        yield action


def _sealed(seen: Situation, log: Place | None) -> Iterator[Action]:
    """Seal when the log is large or old, and at once from `low` on."""
    live = seen.live
    if log is None or not live.sealable or live.size < (1 if seen.asked.seal else SMALLEST_SEAL_BYTES):
        return
    frees = int(live.size * (1 - _SEALED_PART))
    if seen.asked.seal:
        yield Action("seal", "ledger", "asked", log.stage, frees)
    elif log.stage >= Stage.LOW and live.size >= _worth(seen, log):
        yield Action("seal", "ledger", f"stage.{log.stage.name.lower()}", log.stage, frees)
    elif live.size >= min(live.seal_bytes, log.filesystem.total * _LIVE_SHARE):
        yield Action("seal", "ledger", "seal.bytes", log.stage, frees)
    elif live.oldest and seen.now - live.oldest >= live.seal_seconds:
        yield Action("seal", "ledger", "seal.seconds", log.stage, frees)


def _worth(seen: Situation, log: Place) -> float:
    """Return from which size on the live log is sealed at once."""
    if _reached(seen, log, Stage.HIGH):
        return SMALLEST_SEAL_BYTES
    return max(SMALLEST_SEAL_BYTES, min(seen.live.seal_bytes, log.filesystem.total * _WORTH_SHARE))


def _purged(seen: Situation, log: Place | None) -> Iterator[Action]:
    if log is None or seen.rebuilding:
        return
    gone: set[str] = set()
    own = len(log.uses) == 1
    most = int(min(seen.shelf.retention.max_bytes, log.filesystem.total * SEALED_SHARE if own else 1 << 62))
    for segment, rule in expired(seen.shelf, seen.now, most):
        gone.add(segment.name)
        yield Action("purge", segment.name, rule, log.stage, segment.size)
    yield from _for_room(seen, log, gone)


def _for_room(seen: Situation, log: Place, gone: set[str]) -> Iterator[Action]:
    """Purge down to the low watermark, once `high` is reached: a little less often, so that it does not begin anew at once."""
    rule, missing = f"stage.{log.stage.name.lower()}", _missing(seen, log) if log.stage >= Stage.HIGH else 0
    if seen.asked.purge_bytes > missing:
        rule, missing = "asked", seen.asked.purge_bytes
    missing -= sum(one.size for one in seen.shelf.segments if one.name in gone)
    for segment in removable(seen.shelf, log.stage):
        if missing <= 0:
            return
        if segment.name not in gone:
            missing -= segment.size
            gone.add(segment.name)
            yield Action("purge", segment.name, rule, log.stage, segment.size)


def _missing(seen: Situation, place: Place) -> int:
    """Return the bytes that must come back for a filesystem to be below the low watermark's leave percent."""
    leave = next(one.leave_percent for one in seen.marks if one.stage is Stage.LOW)
    filesystem = place.filesystem
    return int(filesystem.total - filesystem.free - filesystem.total * leave / 100)


def _vacuumed(seen: Situation) -> Iterator[Action]:
    for place in seen.places:
        if "journal" in place.uses and place.stage >= Stage.LOW:
            yield Action("vacuum_journal", place.filesystem.mount, f"stage.{place.stage.name.lower()}", place.stage)


def _ballast_given(seen: Situation) -> Iterator[Action]:
    for place in seen.places:
        if place.ballast_bytes and place.stage >= Stage.FLOOD and _reached(seen, place, Stage.FLOOD):
            rule = f"stage.{place.stage.name.lower()}"
            yield Action("release_ballast", place.filesystem.mount, rule, place.stage, place.ballast_bytes)


def _ballast_taken(seen: Situation) -> Iterator[Action]:
    for place in seen.places:
        if place.ballast_missing and not _reached(seen, place, Stage.LOW):
            yield Action("restore_ballast", place.filesystem.mount, "ballast", place.stage)


def _reached(seen: Situation, place: Place, stage: Stage) -> bool:
    return _above(seen.marks, place, stage)


def _above(marks: Sequence[Threshold], place: Place, stage: Stage) -> bool:
    """Tell whether a filesystem is above a watermark now; a stage lasts longer than the level that entered it."""
    percent = next(one.percent for one in marks if one.stage is stage)
    return max(place.filesystem.used_percent, place.filesystem.inodes_used_percent) >= percent


def critical(places: Sequence[Place], marks: Sequence[Threshold]) -> list[Place]:
    """Return the filesystems for whose sake the node should stop."""
    return [one for one in _needed(places) if one.stage is Stage.CRITICAL and _above(marks, one, Stage.CRITICAL)]


def _needed(places: Sequence[Place]) -> list[Place]:
    return [one for one in places if {"data", "log"} & set(one.uses)]


def _node(seen: Situation) -> Iterator[Action]:
    """Stop the node in order before its database meets a full disk; start it again once all it needs is below the low mark."""
    needed, full = _needed(seen.places), critical(seen.places, seen.marks)
    if full and seen.node_running:
        yield from _stopped(seen, full)
    elif seen.node_stopped and needed and not any(_reached(seen, one, Stage.LOW) for one in needed):
        yield Action("start_node", needed[0].filesystem.mount, "room", needed[0].stage)


def _stopped(seen: Situation, full: Sequence[Place]) -> Iterator[Action]:
    """Stop the node if the others keep a quorum without it; if not, only when there is no room to wait any longer."""
    last = next((one for one in full if seen.last_resort.reached(one.filesystem)), None)
    if last is not None or seen.quorum.may_stop:
        rule = "stage.critical" if seen.quorum.may_stop else "last_resort"
        yield Action("stop_node", (last or full[0]).filesystem.mount, rule, Stage.CRITICAL)
    elif seen.quorum.ask:
        yield Action("ask_quorum", UNIT, "stage.critical", Stage.CRITICAL)


def _short(seen: Situation, log: Place | None, actions: Sequence[Action]) -> int:
    if log is None or log.stage < Stage.HIGH:
        return 0
    return max(0, _missing(seen, log) - sum(action.frees for action in actions))


def next_poll_seconds(rates: Sequence[tuple[Filesystem, float]]) -> float:
    """Return how long to wait; a rate is the growth of a filesystem since the last look, in bytes a second."""
    waits = [place.free / rate / _LOOKS for place, rate in rates if rate > 0]
    waits += [place.free / _SUDDEN for place, _ in rates]
    return min(SLOWEST_SECONDS, max(FASTEST_SECONDS, min(waits, default=SLOWEST_SECONDS)))

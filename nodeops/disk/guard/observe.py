"""What the guard sees in one tick: every filesystem with its stage, what fills it, and the plan that follows. Lean."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nodeops.core.errors import HostError, NodeopsError
from nodeops.disk.guard import ballast
from nodeops.disk.guard.quorum_gate import Gate
from nodeops.disk.guard.sealer import LogKeeper
from nodeops.disk.model import Hold, Plan, Stage
from nodeops.disk.policy.forecast import Forecaster, decoded, encoded, spoken
from nodeops.disk.policy.plan import Asked, LiveLog, Situation, critical
from nodeops.disk.policy.plan import Place as PlannedPlace
from nodeops.disk.policy.plan import plan as decided
from nodeops.disk.policy.policy import Policy
from nodeops.disk.policy.retention import Shelf, loaded_holds, removable
from nodeops.disk.policy.stages import Ladder, next_ladder
from nodeops.disk.ship.acks import Acks
from nodeops.disk.ship.rules import acknowledged
from nodeops.host.files import write_atomic
from nodeops.host.filesystem import Filesystem
from nodeops.host.units import systemd
from nodeops.host.usage import attributed, filesystems

# What lies below a folder is counted rarely and never for long: chain data are many files.
_COUNT_SECONDS = 60.0
_COUNT_BUDGET_SECONDS = 0.25
# Asking systemd takes a process. One whose main process is still there need not be asked so often.
_UNIT_SECONDS, _ALIVE_SECONDS = 5.0, 60.0
# What a kill makes the forecasters forget, at most.
_SAVE_SECONDS = 600.0
NOTHING_ASKED = Asked()


@dataclass(frozen=True)
class Place:
    """One filesystem as it was seen."""

    filesystem: Filesystem
    stage: Stage
    uses: Sequence[str]
    classes: Mapping[str, int]
    rate: float
    forecast_text: str = ""
    forecast_seconds: float | None = None


@dataclass(frozen=True)
class Seen:
    """One tick. `now` is seconds since boot, a clock that nobody sets."""

    now: float
    places: Sequence[Place]
    plan: Plan
    node_stopped: bool
    alarms: Sequence[str] = ()

    @property
    def filesystems(self) -> list[Filesystem]:
        """Return the filesystems alone."""
        return [one.filesystem for one in self.places]

    @property
    def rates(self) -> list[tuple[Filesystem, float]]:
        """Return how fast each one fills, in bytes a second."""
        return [(one.filesystem, one.rate) for one in self.places]

    @property
    def spoken(self) -> str:
        """Return the state in a line."""
        worst = max(self.places, key=lambda one: (one.stage, one.filesystem.used_percent))
        return f"{worst.stage.name.lower()}: {worst.filesystem.mount} {worst.filesystem.used_percent:.0f} % used"


@dataclass
class _Memory:
    """What is remembered of one filesystem between ticks."""

    mount: str
    ladder: Ladder = field(default_factory=Ladder)
    used: int = 0
    at: float = 0.0
    classes: Mapping[str, int] = field(default_factory=dict)
    forecaster: Forecaster = field(default_factory=Forecaster)


class Watch:
    """What looks, and remembers what it needs to judge."""

    def __init__(self, policy: Policy, keeper: LogKeeper) -> None:
        self._policy, self._keeper = policy, keeper
        self._memory: dict[int, _Memory] = {}
        self._remembered = _remembered(Path(policy.forecast_file))
        self._saved = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._counted = self._asked = float("-inf")
        self._main_pid = 0
        self._gate = Gate(Path(policy.quorum_file))
        self._acks = Acks(Path(policy.acks_file))
        self._free_to_go = 0
        self._ballasts: Mapping[int, tuple[Path | None, Mapping[str, int]]] = {}

    def look(self, asked: Asked = NOTHING_ASKED) -> Seen:
        """Look at everything once, and plan; `asked` is what a person wants besides. Raise HostError when it cannot."""
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        alarms: list[str] = []
        shelf, readable = self._shelf(alarms)
        self._free_to_go = sum(one.size for one in removable(shelf, Stage.NORMAL))
        found = self._filesystems()
        self._ballasts = {one.device: self._ballast(one) for one, _ in found}
        self._count(now, [one for one, _ in found])
        places = [self._place(one, uses, now) for one, uses in found]
        if now - self._saved >= _SAVE_SECONDS:
            self._saved = now
            self.save()
        stopped = any(Path(one).exists() for one in self._policy.stopped_files)
        situation = self._situation(places, shelf, readable, stopped, asked)
        plan = decided(situation)
        if not situation.quorum.may_stop:
            alarms.append(f"the node should stop and is kept running: {situation.quorum.why}")
        return Seen(now, places, plan, stopped, alarms)

    def _shelf(self, alarms: list[str]) -> tuple[Shelf, bool]:
        """Return what is sealed, and whether it is known what is held: if not, nothing may go."""
        log = self._policy.log
        holds, readable = self._holds(alarms)
        shelf = Shelf(self._keeper.index.all(), holds, self._shipped(), log.retention, log.ship_required, log.lossy_ok)
        return shelf, readable

    def _filesystems(self) -> list[tuple[Filesystem, list[str]]]:
        """Return the watched filesystems with what each is used for."""
        grouped: dict[int, tuple[Filesystem, list[str]]] = {}
        for use, path in self._policy.watched.items():
            device = _device(path)
            if device in grouped:
                grouped[device][1].append(use)
                continue
            for one in filesystems([Path(path)]):
                grouped.setdefault(one.device, (one, []))[1].append(use)
        return list(grouped.values())

    def _count(self, now: float, found: Sequence[Filesystem]) -> None:
        if now - self._counted < _COUNT_SECONDS:
            return
        self._counted = now
        classes = {name: [Path(one) for one in folders] for name, folders in self._policy.classes.items()}
        for one in found:
            with suppress(NodeopsError):
                usage, _ = attributed(one, classes, _COUNT_BUDGET_SECONDS)
                self._of(one).classes = usage.classes

    def _of(self, one: Filesystem) -> _Memory:
        if one.device not in self._memory:
            self._memory[one.device] = _Memory(one.mount, forecaster=self._remembered.pop(one.mount, Forecaster()))
        return self._memory[one.device]

    def save(self) -> None:
        """Keep what the forecasters learned. Nothing happens without room for it."""
        with suppress(NodeopsError):
            known = encoded({one.mount: one.forecaster for one in self._memory.values()})
            write_atomic(Path(self._policy.forecast_file), known, 0o600)

    def _place(self, one: Filesystem, uses: Sequence[str], now: float) -> Place:
        known = self._of(one)
        used = one.total - one.free
        rate = max(0.0, (used - known.used) / (now - known.at)) if known.at and now > known.at else 0.0
        known.used, known.at = used, now
        found = known.forecaster.observe(now, max(0, used - self._purgeable(one, uses)), one.total)
        known.ladder = next_ladder(known.ladder, one, self._policy.thresholds, found.seconds, now)
        return Place(one, known.ladder.stage, uses, known.classes, rate, spoken(found), found.seconds)

    def _purgeable(self, one: Filesystem, uses: Sequence[str]) -> int:
        """Return the bytes that the policy may take back: the ballast, the live log, and sealed ones that may go."""
        logs = self._keeper.live_bytes + self._free_to_go if "log" in uses else 0
        return logs + sum(self._ballasts[one.device][1].values())

    def _situation(self, places: Sequence[Place], shelf: Shelf, readable: bool, stopped: bool, asked: Asked) -> Situation:
        log, keeper = self._policy.log, self._keeper
        sealable = keeper.method.kind != "refused"
        planned, marks = [self._planned(one) for one in places], self._policy.thresholds
        running = self._is_running(time.monotonic())
        return Situation(
            places=planned,
            live=LiveLog(keeper.live_bytes, keeper.oldest, sealable, log.seal_bytes, log.seal_seconds),
            shelf=shelf,
            marks=marks,
            last_resort=self._policy.last_resort,
            now=time.time(),
            node_stopped=stopped,
            node_running=running,
            rebuilding=keeper.index.rebuilding or not readable,
            asked=asked,
            quorum=self._gate.look(running and bool(critical(planned, marks))),
        )

    def _ballast(self, one: Filesystem) -> tuple[Path | None, Mapping[str, int]]:
        """Return the ballast folder on a filesystem, and its files with what each would give back."""
        folder = next((Path(path) for path in self._policy.ballast if _device(path) == one.device), None)
        if folder is not None:
            with suppress(NodeopsError):
                return folder, ballast.present(folder)
        return folder, {}

    def _planned(self, one: Place) -> PlannedPlace:
        folder, present = self._ballasts[one.filesystem.device]
        size = ballast.size_of(one.filesystem.total, self._policy.ballast_bytes)
        missing = folder is not None and bool(size) and len(present) < len(ballast.NAMES)
        # Where the log is, one file is kept for the guard itself: with it a disk without a free byte is sealed (guard.py).
        spare = list(present.values())[1 if "log" in one.uses else 0 :]
        return PlannedPlace(one.filesystem, one.stage, one.uses, spare[-1] if spare else 0, missing)

    def _holds(self, alarms: list[str]) -> tuple[list[Hold], bool]:
        """Return the holds, and whether they could be read: if not, everything is held."""
        path = Path(self._policy.holds_file)
        try:
            return loaded_holds(path.read_bytes(), str(path)), True
        except FileNotFoundError:
            return [], True
        except (OSError, HostError) as error:
            alarms.append(f"holds: {error}")
            return [], False

    def _shipped(self) -> set[str]:
        """Return the segments that the remote of today has exactly as they are here."""
        remote = self._policy.log.ship_remote
        if not remote:
            return set()
        acks = self._acks.newest()
        return {one.name for one in self._keeper.index.all() if acknowledged(one, acks, remote)}

    def was_done(self, plan: Plan) -> None:
        """Note that a plan was carried out: whether the node runs is asked at once when it was stopped or started."""
        kinds = {one.kind for one in plan.actions}
        if kinds & {"stop_node", "start_node"}:
            self._asked = float("-inf")
        if "ask_quorum" in kinds:
            self._gate.was_asked()

    def _is_running(self, now: float) -> bool:
        alive = self._main_pid and os.path.exists(f"/proc/{self._main_pid}")  # noqa: PTH110 - each second
        if now - self._asked >= (_ALIVE_SECONDS if alive else _UNIT_SECONDS):
            self._asked = now
            with suppress(NodeopsError):
                self._main_pid = systemd.unit(self._policy.unit).pid
        return bool(self._main_pid)


def _remembered(path: Path) -> dict[str, Forecaster]:
    """Return what forecasters learned before a restart, by mount point."""
    try:
        return decoded(path.read_bytes())
    except OSError:
        return {}


def _device(path: str) -> int | None:
    try:
        return os.stat(path).st_dev  # noqa: PTH116 - each path, each second
    except OSError:
        return None

"""A change on trial: it is undone by itself unless it is confirmed in time over a new SSH connection.

Whoever is cut off by a change cannot undo it. So before the change a timer of systemd is armed that undoes it, and only a
login that began after the change can disarm the timer: an old connection may live on where a new one is refused.
"""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, Refused
from nodeops.host.command import run
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.lock import held, turn_folder
from nodeops.host.ssh.session import session_start
from nodeops.host.units import undo_timer

_RECORD = "trial.json"
_ACTION_SECONDS = 30
_PAUSE_SECONDS = 0.5
_TOKEN_BYTES = 16
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Trial:
    """A change that was made and not confirmed yet. `began` and `ends` are seconds since boot, of the boot `boot`."""

    name: str
    token: str
    boot: str
    began: float
    ends: float

    @property
    def unit(self) -> str:
        """Return the name of the timer's unit, without its suffix."""
        return f"nodeops-{self.name}-undo"

    @property
    def remaining_seconds(self) -> float:
        """Return the time left to confirm; 0 when it is over."""
        return max(0.0, self.ends - now()) if self.boot == _boot() else 0.0


def now() -> float:
    """Return the seconds since boot: no clock that is set can move it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()


@contextmanager
def turn(name: str, folder: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the host and a capability's state folder while the block runs, with no change on trial.

    The host is held as every verb that changes it holds it (nodeops/host/lock.py); an undo needs only its own folder.
    It is not held while a change on trial is waited for: whoever confirms that one needs it.

    What a controller that died has left there ends by itself: it is waited for that long. Raise Refused after that.
    """
    until, pause = stop_after_delay(wait_seconds), wait_fixed(_PAUSE_SECONDS)
    attempts = Retrying(retry=retry_if_exception_type(Refused), stop=until, wait=pause, reraise=True)
    with ExitStack() as stack:
        attempts(_take, stack, name, folder)
        yield


def _take(stack: ExitStack, name: str, folder: Path) -> None:
    with ExitStack() as taken:
        taken.enter_context(held(turn_folder(folder.parent)))
        taken.enter_context(held(folder))
        # Not held while it is waited for: the undo of that trial needs the folder.
        require_none(name, folder)
        stack.push(taken.pop_all())


def begin(name: str, folder: Path, undo: Sequence[str], seconds: int) -> Trial:
    """Arm the timer that runs `undo` in `seconds`, and return the trial. Called before the change is made.

    Called in the block of `turn`. Raise HostError when systemd cannot arm the timer: then nothing may be changed.
    """
    trial = Trial(name, secrets.token_hex(_TOKEN_BYTES), _boot(), now(), now() + seconds)
    undo_timer.clear(trial.unit)
    _record(folder, trial)
    try:
        undo_timer.arm(trial.unit, undo, seconds, "100ms")
    except HostError:
        forget(folder)
        raise
    return trial


def require_none(name: str, folder: Path) -> None:
    """Raise Refused while a trial is running: what its undo needs must not be overwritten."""
    running = pending(folder)
    if running is not None:
        what = f"a change is still on trial for {running.remaining_seconds:.0f} s"
        raise Refused(what, where=name, hint=f"confirm it, nodeops {name} rollback, or --wait SECONDS")


def made(folder: Path, trial: Trial) -> Trial:
    """Say that the change is in force now: only logins after this moment prove anything."""
    marked = replace(trial, began=now())
    _record(folder, marked)
    return marked


def _record(folder: Path, trial: Trial) -> None:
    write_atomic(folder / _RECORD, json.dumps(asdict(trial)).encode(), 0o600)


def recorded(folder: Path) -> Trial | None:
    """Return the trial that was begun last and neither confirmed nor forgotten; None when there is none."""
    try:
        return Trial(**json.loads((folder / _RECORD).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise HostError(f"the record of a trial is damaged: {error}", where=str(folder / _RECORD), hint="remove it") from error


def pending(folder: Path) -> Trial | None:
    """Return the trial whose timer is still armed, or whose undo is at work; None when none is."""
    trial = recorded(folder)
    if trial is None or trial.boot != _boot():
        return None
    armed = any(_is_up(f"{trial.unit}.{kind}") for kind in ("timer", "service"))
    return trial if armed else None


def _is_up(unit: str) -> bool:
    state = run(["systemctl", "is-active", unit], timeout_seconds=_ACTION_SECONDS, allowed_codes=(0, 1, 2, 3, 4)).stdout
    return state.strip() in (b"active", b"activating", b"reloading", b"deactivating")


def require(folder: Path, token: str, name: str) -> Trial:
    """Return the trial that a token belongs to. Raise Refused when it is over, was undone or is another one."""
    trial = pending(folder)
    if trial is None:
        hint = f"nodeops {name} apply --dry-run says what is not in force; apply again to try again"
        raise Refused("no change is on trial: it was undone when nobody confirmed it in time, or confirmed", name, hint=hint)
    if not secrets.compare_digest(trial.token, token):
        raise Refused("the token belongs to another change", where=name, hint="use the token that the last apply printed")
    return trial


def commit(folder: Path, trial: Trial) -> None:
    """Disarm the timer for good. Raise Refused when it has fired meanwhile: then the change was undone."""
    disarm(trial)
    if _is_up(f"{trial.unit}.service") or trial.remaining_seconds <= 0:
        raise Refused("too late: the change was undone", where=trial.name, hint="apply again")
    forget(folder)


def disarm(trial: Trial) -> None:
    """Stop the timer; one that has fired is not there any more. The undo itself, if it is at work, goes on."""
    undo_timer.disarm(trial.unit)


def forget(folder: Path) -> None:
    """Remove the record of a trial that is over."""
    (folder / _RECORD).unlink(missing_ok=True)
    sync_folder(folder)


def require_new_session(trial: Trial) -> None:
    """Raise Refused unless this process was started over an SSH connection that was made after the trial began."""
    started = session_start()
    if started is None:
        raise Refused(
            "this is not an SSH login, so it proves nothing about SSH",
            where=trial.name,
            hint="confirm from a new SSH connection; at a console, add --console",
        )
    if started <= trial.began:
        hint = "log in again (with OpenSSH multiplexing: -o ControlPath=none) and confirm from there"
        raise Refused("this SSH connection is older than the change", where=trial.name, hint=hint)

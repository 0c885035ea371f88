"""One writer at a time: a folder is held with the kernel's lock, which is freed when the process dies, however it dies.

What changes a host holds the host: `changes_host` on a verb, `trial.turn` where the change is on trial. Both hold the same
folder, which only root can open, so that no other user can keep anybody waiting.
"""

import contextlib
import fcntl
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.console import WaitOption, working
from nodeops.core.errors import HostError, Refused
from nodeops.core.printable import printable
from nodeops.document.resolve import host_paths

# As long as an apply or a start takes. What takes longer (a restart that waits for leave) is named to whoever waits.
PATIENCE_SECONDS = 60.0
TURN = "turn"
_PAUSE_SECONDS = 0.5
_PROC = Path("/proc")
_MOST_LETTERS = 80

Report = Callable[[str], None]
Verb = Callable[..., None]


# What this process holds the host by, while a verb that changes it runs.
_HELD: list[int] = []


@contextlib.contextmanager
def held(folder: Path) -> Iterator[int]:
    """Hold a folder while the block runs. Raise Refused when another process holds it, HostError when it is missing."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        hint = "run with sudo" if isinstance(error, PermissionError) else ""
        raise HostError(f"cannot be opened: {error.strerror}", where=str(folder), hint=hint) from error
    try:
        _lock(handle, folder)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def waited(folder: Path, seconds: float, report: Report = lambda _: None) -> Iterator[int]:
    """Hold a folder while the block runs, waiting so long for whoever holds it. Raise as `held` does after that."""

    def told(state: RetryCallState) -> None:
        report(f"waiting: {state.outcome.exception() if state.outcome else ''}".partition("\n")[0])

    until, pause = stop_after_delay(seconds), wait_fixed(_PAUSE_SECONDS)
    again = retry_if_exception_type(Refused)
    attempts = Retrying(retry=again, stop=until, wait=pause, before_sleep=told, reraise=True)
    with contextlib.ExitStack() as stack:
        yield attempts(lambda: stack.enter_context(held(folder)))


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        what = f"another nodeops is at work here: {holder(handle)}"
        hint = "wait until it has ended and run again, or give more time where the verb has --wait SECONDS"
        raise Refused(what, where=str(folder), hint=hint) from error


def turn_folder(state: Path) -> Path:
    """Return the folder that stands for the whole host, below the folder of all states. Raise HostError when it cannot be."""
    folder = state / TURN
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError as error:
        hint = "run ansible-playbook site.yml from the controller; this verb is for hosts"
        raise HostError("is not there", where=str(state), hint=hint) from error
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(folder), hint="run with sudo") from error
    return folder


def changes_host(*asked: str) -> Callable[[Verb], Verb]:
    """Let a verb hold the host while it runs, after a wait that its option --wait bounds; never for --dry-run.

    A verb that only looks unless it is asked for more names the parameters that ask for it.
    """

    def decorate(verb: Verb) -> Verb:
        @functools.wraps(verb)
        def alone(*, wait: float = PATIENCE_SECONDS, **given: Any) -> None:
            if given.get("dry_run") or (asked and not any(given.get(name) for name in asked)):
                return verb(**given)
            with _host(wait):
                return verb(**given)

        option = inspect.Parameter("wait", inspect.Parameter.KEYWORD_ONLY, default=PATIENCE_SECONDS, annotation=WaitOption)
        seen = inspect.signature(verb)
        marked: Any = alone
        marked.__signature__ = seen.replace(parameters=[*_by_name(seen), option])
        marked.__annotations__ = {**verb.__annotations__, "wait": WaitOption}
        marked.changes_host = True
        return alone

    return decorate


def _by_name(seen: inspect.Signature) -> list[inspect.Parameter]:
    return [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in seen.parameters.values()]


@contextlib.contextmanager
def _host(seconds: float) -> Iterator[None]:
    folder = turn_folder(Path(host_paths()["state"]))
    with contextlib.ExitStack() as stack:
        with working("waiting for this host") as say:
            _HELD.append(stack.enter_context(waited(folder, seconds, say)))
        stack.callback(_HELD.pop)
        yield


@contextlib.contextmanager
def let_go() -> Iterator[None]:
    """Let others have the host while a verb that holds it only waits, for hours maybe: the next may be the urgent one.

    Whoever waits looks anew afterwards. Where this process does not hold the host, nothing happens.
    """
    if not _HELD:
        yield
        return
    fcntl.flock(_HELD[-1], fcntl.LOCK_UN)
    try:
        yield
    finally:
        fcntl.flock(_HELD[-1], fcntl.LOCK_EX)


def holder(handle: int) -> str:
    """Return who holds what is open as `handle`: verb, process and unit, as the kernel knows them."""
    try:
        lines = (_PROC / "locks").read_text(encoding="ascii").splitlines()
        pids = [row[4] for line in lines if (row := line.split())[1:2] == ["FLOCK"] and row[4].isdigit()]
        found = next((pid for pid in pids if _has(_PROC / pid, handle)), "")
        return _told(_PROC / found) if found else "it cannot be seen from here who"
    except OSError:
        return "it ended just now"


def _has(process: Path, handle: int) -> bool:
    """Tell whether a process holds the lock: a waiting one has the folder open too, for a moment."""
    wanted = os.fstat(handle)
    with contextlib.suppress(OSError):
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(entry.stat(), wanted) and "FLOCK" in (process / "fdinfo" / entry.name).read_text("ascii"):
                    return True
    return False


def _told(process: Path) -> str:
    words = process.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
    unit = process.joinpath("cgroup").read_text(encoding="utf-8", errors="replace").strip().rpartition("/")[2]
    where = f", {printable(unit)}" if unit else ""
    return f"{printable(verb_of(words), _MOST_LETTERS)} (process {process.name}{where})"


def verb_of(words: list[str]) -> str:
    """Return what a command line runs, without its options: they are nobody else's business."""
    names = [Path(word).name if "/" in word else word for word in words if word]
    begin = names.index("nodeops") if "nodeops" in names else 0
    end = next((number for number, word in enumerate(names) if number > begin and word.startswith("-")), len(names))
    return " ".join(names[begin:end])

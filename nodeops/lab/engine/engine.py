"""The Docker engine: find the one that answers, else install and start one, and stop it again only when it was ours."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import psutil
from docker.errors import APIError, DockerException
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed
from urllib3.exceptions import HTTPError

from nodeops.core.errors import HostError, Timeout
from nodeops.host.command import run
from nodeops.host.files import write_atomic
from nodeops.lab.engine import debian
from nodeops.lab.engine.engine_choice import EngineSeen, Move, next_move
from nodeops.lab.lock import lock

Say = Callable[[str], None]

_API_SECONDS = 120
# An engine that commits or removes many hosts may keep others waiting.
_HELLO_SECONDS = 20
_START_SECONDS = 60
_STOP_SECONDS = 30
_EXPLANATION_CHARACTERS = 600
# Installed, started and asked again: more rounds than there are moves means that nothing changes any more.
_MOST_MOVES = 5


@dataclass(frozen=True)
class EngineHome:
    """Where an engine started by us keeps its record and log, how it is started, and its address (none: the default)."""

    state: Path = Path("/run/nodeops-lab")
    command: Sequence[str] = ("dockerd",)
    address: str | None = None

    @property
    def record(self) -> Path:
        """Return the file that tells which process we started."""
        return self.state / "dockerd.json"

    @property
    def log(self) -> Path:
        """Return the log of the engine we started."""
        return self.state / "dockerd.log"


HOME = EngineHome()


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn the engine's complaints into a HostError that says what was being done."""
    try:
        yield
    except APIError as error:
        text = str(error.explanation or error)[:_EXPLANATION_CHARACTERS]
        raise HostError(f"{what}: {text}", where="Docker engine") from error
    except (DockerException, HTTPError, OSError) as error:
        raise HostError(
            f"{what}: {str(error)[:_EXPLANATION_CHARACTERS]}", where="Docker engine", hint="is it still running?"
        ) from error


def connect(home: EngineHome = HOME, timeout_seconds: int = _API_SECONDS) -> docker.DockerClient:
    """Return a client of the engine that answers. Raise docker's errors when none does."""
    if home.address:
        return docker.DockerClient(base_url=home.address, timeout=timeout_seconds)
    return docker.from_env(timeout=timeout_seconds)


def reach(say: Say, home: EngineHome = HOME, may_start: bool = True) -> docker.DockerClient | None:
    """Return a client of an engine that answers, installing and starting one where that is ours to do.

    With `may_start` false nothing is installed or started: None is returned where that would have been the next move.
    Raise HostError when a person must act.
    """
    seen = observe(home)
    if next_move(seen) is Move.USE:
        return connect(home)
    if not may_start:
        return None
    with lock("engine"):
        for _ in range(_MOST_MOVES):
            seen = observe(home, just_installed=seen.just_installed)
            move = next_move(seen)
            if move is Move.USE:
                return connect(home)
            say(f"Docker engine: {move.value}")
            _make(move, home)
            seen = replace(seen, just_installed=seen.just_installed or move is Move.INSTALL)
    raise HostError("does not come up", where="Docker engine", hint=f"see {home.log}")


def _make(move: Move, home: EngineHome) -> None:
    if move is Move.INSTALL:
        debian.install(["docker.io", "iptables"], "a lab")
    elif move is Move.START_SERVICE:
        run(["systemctl", "start", "docker"], timeout_seconds=_START_SECONDS)
    elif move is Move.START_DETACHED:
        start_detached(home)
    else:
        _await_answer(home, lambda: True)


def observe(home: EngineHome = HOME, just_installed: bool = False) -> EngineSeen:
    """Return what is known of the engine and of this machine."""
    why_not, denied = _hello(home)
    return EngineSeen(
        answers=not why_not,
        why_not=why_not,
        denied=denied,
        named=home.address is None and bool(os.environ.get("DOCKER_HOST")),
        alive=any(process.info["name"] == "dockerd" for process in psutil.process_iter(["name"])),
        ours=our_process(home) is not None,
        installed=shutil.which("dockerd") is not None,
        just_installed=just_installed,
        root=debian.is_root(),
        debian_like=debian.is_debian_like(),
        systemd=Path("/run/systemd/system").is_dir(),
    )


def _hello(home: EngineHome) -> tuple[str, bool]:
    """Return why the engine does not answer (empty when it does), and whether that is for lack of permission."""
    try:
        client = connect(home, _HELLO_SECONDS)
        client.ping()
        client.close()
    except (DockerException, OSError) as error:
        return str(error)[:_EXPLANATION_CHARACTERS] or type(error).__name__, "Permission denied" in str(error)
    return "", False


def start_detached(home: EngineHome = HOME) -> int:
    """Start an engine that outlives this command, record it as ours, wait until it answers, and return its process id.

    Raise HostError with the end of its log when it dies.
    """
    home.state.mkdir(parents=True, exist_ok=True, mode=0o755)
    with home.log.open("ab") as log:
        process = subprocess.Popen(home.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    record = {"pid": process.pid, "started": _started(process.pid)}
    write_atomic(home.record, json.dumps(record).encode(), 0o644)
    _await_answer(home, lambda: process.poll() is None)
    return process.pid


def _await_answer(home: EngineHome, alive: Callable[[], bool]) -> None:
    def waiting() -> bool:
        return alive() and bool(_hello(home)[0])

    try:
        Retrying(retry=retry_if_result(bool), stop=stop_after_delay(_START_SECONDS), wait=wait_fixed(0.2))(waiting)
    except RetryError as error:
        raise Timeout(f"did not answer within {_START_SECONDS} s", where="Docker engine", hint=f"see {home.log}") from error
    if not alive():
        home.record.unlink(missing_ok=True)
        said = home.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise HostError("stopped while starting:\n" + "\n".join(said), where="Docker engine", hint=f"see {home.log}")


def _started(pid: int) -> int:
    """Return when a process was started, in clock ticks since boot (proc(5), field 22); 0 when it is gone or dead.

    With the process id it names one process for as long as the machine is up, whatever the wall clock does.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] == "Z" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return 0


def our_process(home: EngineHome = HOME) -> int | None:
    """Return the process id of the engine we started when it still runs; a stale record is nobody's engine."""
    try:
        record = json.loads(home.record.read_text(encoding="utf-8"))
        pid, started = int(record["pid"]), int(record["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if started and _started(pid) == started else None


def stop_if_ours(client: docker.DockerClient, home: EngineHome = HOME) -> bool:
    """Stop the engine when we started it and no container of anybody is left. Return whether it was stopped."""
    pid = our_process(home)
    if pid is None or not is_idle(client):
        return False
    client.close()
    process = psutil.Process(pid)
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except psutil.TimeoutExpired as error:
        raise Timeout(f"did not stop within {_STOP_SECONDS} s", where="Docker engine", hint=f"see {home.log}") from error
    home.record.unlink(missing_ok=True)
    return True


def is_idle(client: docker.DockerClient) -> bool:
    """Tell whether the engine has no container at all, running or stopped, ours or not."""
    with explained("containers cannot be listed"):
        return not client.api.containers(all=True, limit=1)

"""Put changed files in force, each service once, and tell from the system whether a process has read its files."""

import contextlib
import stat
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError, NodeopsError
from nodeops.hardening.host import sshd
from nodeops.host.command import run
from nodeops.host.process import sockets_listening
from nodeops.host.units.unit_settings import unit_settings

_SECONDS = 120
_SSHD = "/etc/ssh/"
_POLL_SECONDS = 0.05
_LOOK = "journalctl --unit ssh says why; what was changed is taken back"


def reload_all(commands: Sequence[Sequence[str]], *, strict: bool = True) -> None:
    """Run each command. Raise HostError when one fails; without `strict` the others are run all the same.

    sshd reads its files by starting itself anew, and lets nobody in meanwhile: it is waited for.
    """
    for command in commands:
        try:
            _require_readable(command)
            _carry_out(_mended(command))
        except NodeopsError:
            if strict:
                raise


def _carry_out(command: Sequence[str]) -> None:
    if list(command) != ["systemctl", "reload", "ssh.service"]:
        run(command, timeout_seconds=_SECONDS)
        return
    main = unit_settings("ssh.service").main
    before = sockets_listening(main)
    run(command, timeout_seconds=_SECONDS)
    # Where systemd listens in its place nobody is turned away.
    if before:
        await_new_sockets(main, before)


def await_new_sockets(process: int, before: frozenset[int], seconds: float = _SECONDS) -> None:
    """Wait until a process listens, and on none of the sockets it had. Raise HostError when it does not in time.

    How many it had says nothing: the files that it reads may name fewer addresses.
    """
    waiting = Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(_POLL_SECONDS), retry=retry_if_result(bool))
    try:
        waiting(lambda: not (now := sockets_listening(process)) or now & before)
    except RetryError as error:
        raise HostError("does not listen again after its reload", where=f"process {process}", hint=_LOOK) from error


def _mended(command: Sequence[str]) -> list[str]:
    """Return the command that also starts a unit that has failed; try-restart leaves it as it is."""
    if command[:2] != ["systemctl", "try-restart"]:
        return list(command)
    # Several changes within seconds are no reason for systemd to give a unit up.
    failed = run(["systemctl", "is-failed", command[2]], timeout_seconds=_SECONDS, allowed_codes=range(256)).returncode == 0
    run(["systemctl", "reset-failed", command[2]], timeout_seconds=_SECONDS, allowed_codes=range(256))
    return ["systemctl", "restart" if failed else "try-restart", command[2]]


def _require_readable(command: Sequence[str]) -> None:
    """Raise HostError before sshd is told to read files that it refuses: it would stop, and nobody could log in."""
    if "ssh.service" in command:
        # Only the unit makes this folder, and only while it runs; without it sshd says nothing about its files.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        run(["/usr/sbin/sshd", "-t"], timeout_seconds=_SECONDS)


def in_force_since(unit: str, path: str) -> float | None:
    """Return when a running unit last read a file, in Unix seconds, whoever made it do so; None when it does not run.

    Asked of the system, never of what we remember: its start, the last reload that systemd saw end well, and for sshd the
    signal that it says it got: `kill -HUP` goes past systemd. What a drop-in of its unit says counts from its start alone.
    """
    seen = unit_settings(unit)
    if seen.started is None or path.startswith("/etc/systemd/system/"):
        return seen.started
    since = max(seen.started, seen.reloaded or 0.0)
    return max(since, _hung_up(seen.main)) if path.startswith(_SSHD) and seen.main else since


def _hung_up(process: int) -> float:
    """Return when a process of sshd last said in the journal of this boot that it reads its files anew; 0 when it never did."""
    words = ["journalctl", "--boot", f"_PID={process}", "--grep=^Received SIGHUP", "--lines=1", "--output=short-unix", "--quiet"]
    said = run(words, timeout_seconds=_SECONDS, allowed_codes=range(256)).stdout.decode(errors="replace").split()
    with contextlib.suppress(ValueError):
        return float(said[0]) if said else 0.0
    return 0.0


def files_read_with(path: str) -> list[Path]:
    """Return all that a unit reads together with a file, folders of drop-ins too: what is taken out of them changes them."""
    if path.startswith(_SSHD):
        return sshd.files_read()
    folder = Path(path).parent
    if folder.name.endswith(".conf.d"):
        return [folder, folder.with_suffix(""), *folder.glob("*.conf")]
    return [Path(path)]


def changed(paths: Iterable[Path], now: float) -> float:
    """Return when any of these was changed last, in Unix seconds; 0 when none is there.

    A file that is moved into place keeps the time of its content, so the time of its inode counts too. One that lies ahead
    of the clock says nothing: no process could ever be younger.
    """
    times = [moment for path in paths for moment in _times(path)]
    return max((moment for moment in times if moment <= now), default=0.0)


def _times(path: Path) -> list[float]:
    try:
        found = path.stat()
    except OSError:
        return []
    # What tidies up the modes of a folder changes nothing of what is read.
    return [found.st_mtime] if stat.S_ISDIR(found.st_mode) else [found.st_mtime, found.st_ctime]


def is_current(unit: str, path: str) -> bool:
    """Tell whether a unit read its files after they were changed last; one that does not run will."""
    since = in_force_since(unit, path)
    return since is None or since >= changed(files_read_with(path), time.time())

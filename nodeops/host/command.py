"""Run a command of this machine: argument list only, never a shell, always with a time limit."""

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from nodeops.core.errors import HostError, Timeout

# The end of what a failed command said is what a person needs; the rest is in its own log.
_TAIL_CHARACTERS = 2000


def run(
    argv: Sequence[str | Path],
    *,
    timeout_seconds: float,
    stdin: bytes | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    allowed_codes: Sequence[int] = (0,),
) -> subprocess.CompletedProcess[bytes]:
    """Return the finished command with its output as bytes.

    Raise HostError when it cannot be started or leaves with a code that is not allowed, Timeout when it takes too long:
    it is then killed with everything it started.
    """
    name = str(argv[0])
    try:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(error, name, cwd) from error
    with process:
        output, errors = _communicate(process, stdin, timeout_seconds, name)
    done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
    if done.returncode not in allowed_codes:
        said = (errors or output).decode(errors="replace").strip()[-_TAIL_CHARACTERS:]
        raise HostError(f"left with code {done.returncode}: {said or 'nothing was said'}", where=name)
    return done


def _communicate(process: subprocess.Popen[bytes], stdin: bytes | None, seconds: float, name: str) -> tuple[bytes, bytes]:
    """Return what a command says until it ends. It has a session of its own, so whatever interrupts us must end it too."""
    try:
        return process.communicate(stdin, seconds)
    except subprocess.TimeoutExpired as error:
        raise Timeout(f"did not finish within {seconds:g} s", where=name) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _not_started(error: OSError, name: str, cwd: Path | None) -> HostError:
    if cwd is not None and str(error.filename) == str(cwd):
        return HostError(f"cannot run in {cwd}: {error.strerror}", where=name)
    if error.errno == errno.ENOENT:
        return HostError("is not installed", where=name, hint=f"install {name}, or add it to PATH")
    if error.errno == errno.EACCES:
        return HostError("may not be run by this user", where=name, hint="run as root")
    return HostError(f"cannot be run: {error.strerror}", where=name)

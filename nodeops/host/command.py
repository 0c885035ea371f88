"""Run a command of this machine: argument list only, never a shell, always with a time limit."""

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

    Raise HostError when it is not installed or leaves with a code that is not allowed, Timeout when it takes too long.
    """
    name = str(argv[0])
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout_seconds,
            cwd=cwd,
            env=None if environment is None else dict(environment),
            check=False,
        )
    except FileNotFoundError as error:
        raise HostError("is not installed", where=name, hint=f"install {name}, or add it to PATH") from error
    except PermissionError as error:
        raise HostError("may not be run by this user", where=name, hint="run as root") from error
    except subprocess.TimeoutExpired as error:
        raise Timeout(f"did not finish within {timeout_seconds:g} s", where=name) from error
    if done.returncode not in allowed_codes:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[-_TAIL_CHARACTERS:]
        raise HostError(f"left with code {done.returncode}: {said or 'nothing was said'}", where=name)
    return done

"""The SSH session above this process: when it was accepted, and from where."""

import contextlib
import os
from ipaddress import ip_address
from pathlib import Path

import psutil

# OpenSSH up to 9.7 calls a session `sshd`, later ones `sshd-session`; both have a privileged parent of the same name.
_SSHD_NAMES = ("sshd", "sshd-session", "sshd-auth")


def session_start() -> float | None:
    """Return when the SSH connection above this process was accepted, in seconds since boot; None when there is none."""
    sessions = [process for process in _above() if process.name() in _SSHD_NAMES and _is_session(process)]
    return _started(sessions[-1]) if sessions else None


def _above() -> list[psutil.Process]:
    return psutil.Process().parents()


def _is_session(process: psutil.Process) -> bool:
    """Tell a session from the listener that accepted it: only the listener is a child of process 1."""
    return bool(process.ppid() != 1)


def _started(process: psutil.Process) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    # proc(5): field 22 is the start in clock ticks since boot; two fields stand before the text split here.
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def ssh_connection() -> tuple[str, int] | None:
    """Return the client's address and the server's port of the SSH connection above this process; None when there is none.

    sudo does not hand SSH_CONNECTION on, so the environment of the session's own children is read. Needs root.
    """
    if session_start() is None:
        return None
    for process in [psutil.Process(), *_above()]:
        with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
            words = process.environ().get("SSH_CONNECTION", "").split()
            return str(ip_address(words[0].partition("%")[0])), int(words[3])
    return None

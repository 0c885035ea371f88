"""Keys of the SSH server that are ours: made once on the host, never shown, never sent."""

import tempfile
from functools import cache
from pathlib import Path

from nodeops.hardening.controls.settings import HostKey
from nodeops.hardening.host.resources import look
from nodeops.hardening.host.states import State
from nodeops.host.command import run

_SECONDS = 120
_FOLDER = "/run"


def host_key_states(setting: HostKey) -> dict[str, State]:
    """Return the files of a key, by resource key: those that are there, else of a new one that is nowhere else yet."""
    names = {suffix: f"file {setting.path}{suffix}" for suffix in ("", ".pub")}
    present = {key: look(key) for key in names.values()}
    if all(state is not None for state in present.values()):
        return present
    made = _new_key(setting)
    return {key: made[suffix] for suffix, key in names.items()}


@cache
def _new_key(setting: HostKey) -> dict[str, State]:
    """Return the two files of a new key, by suffix. One apply plans twice, and a long key takes a second to make."""
    with tempfile.TemporaryDirectory(dir=_FOLDER, prefix="nodeops-key-") as folder:
        file = f"{folder}/key"
        kind = ["-t", setting.type, "-b", str(setting.bits)]
        run(["ssh-keygen", "-q", *kind, "-N", "", "-C", "host", "-f", file], timeout_seconds=_SECONDS)
        return {suffix: look(f"file {file}{suffix}") for suffix in ("", ".pub")}


def bits_of(path: str) -> int | None:
    """Return the length of a key; None when there is none."""
    if not Path(path).exists():
        return None
    said = run(["ssh-keygen", "-l", "-f", path], timeout_seconds=_SECONDS, allowed_codes=(0, 255)).stdout.decode().split()
    return int(said[0]) if said and said[0].isdigit() else None

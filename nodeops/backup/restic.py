"""The engine, restic: the only module that knows its options, answers and codes. Written for 0.14 (Debian 12) and later."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from nodeops.backup.policy import Lock, Snapshot
from nodeops.backup.settings import without_secrets
from nodeops.core.errors import HostError
from nodeops.host.command import run

_CODES = range(256)
# Some of the files could not be read: a snapshot was made all the same.
_INCOMPLETE = 3
_SECONDS = {"backup": 3600.0, "check": 6 * 3600.0}
_OTHER_SECONDS = 120.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What restic says when what it read is not what was written: not a matter of the way there.
_DAMAGE = re.compile(
    r"repository contains errors|ciphertext verification failed|hash mismatch|does not match|invalid data returned|"
    r"wrong data returned|does not exist\.|number of used blobs|unable to load|not found in repository|duplicate|"
    r"LoadTree|load <(index|snapshot)/"
)
_KNOWN = {
    r"wrong password|no key found": ("the password does not open it", "compare RESTIC_PASSWORD with the one kept outside"),
    r"already initialized|config file already exists": ("is there already", "nodeops backup run"),
    r"unable to open config file|does not exist": ("is not there or not made yet", "check its address; then nodeops backup init"),
    r"x509|certificate": ("its certificate is not trusted", "set BACKUP_CACERT to the authority's certificate"),
    r"401|403|[Uu]nauthori": ("it does not let this node in", "check user and password in its address"),
    r"no space left": ("is full", "make room on the repository's side"),
}


class Restic:
    """One repository. Its address and password go through the environment, never through an argument."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Keep the settings of `backup.env`."""
        self._settings = settings

    def init(self) -> None:
        """Make the repository. Raise HostError when there is one already."""
        self._asked("init")

    def backup(self, paths: Sequence[str], host: str, tags: Mapping[str, str]) -> dict[str, Any]:
        """Copy paths; return restic's summary. Raise HostError when any file could not be read: such a backup is not whole."""
        marks = [f"--tag={name}={value}" for name, value in tags.items()]
        code, output, said = self._call("backup", "--json", f"--host={host}", *marks, "--", *paths)
        if code == _INCOMPLETE:
            raise HostError(
                f"files could not be read: {said}", where="restic backup", hint="run as root; the snapshot is not whole"
            )
        self._require(code, said, "backup")
        lines = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
        summary: dict[str, Any] = next((one for one in lines if one.get("message_type") == "summary"), {})
        if not summary.get("snapshot_id"):
            raise HostError("said nothing of a snapshot", where="restic backup", hint="nodeops backup list")
        return summary

    def snapshots(self, host: str) -> list[Snapshot]:
        """Return the snapshots of a node, the oldest first."""
        found = [_snapshot(one) for one in json.loads(self._asked("snapshots", "--json", "--no-lock", f"--host={host}")) or []]
        return sorted(found, key=lambda one: one.time)

    def locks(self, host: str) -> list[Lock]:
        """Return the locks in the repository."""
        found = (
            json.loads(self._asked("cat", "lock", one, "--no-lock")) for one in self._asked("list", "locks", "--no-lock").split()
        )
        return [Lock(one["hostname"], one["pid"], one["hostname"] == host and _alive(one["pid"])) for one in found]

    def clear_stale_locks(self) -> None:
        """Remove locks whose process is dead; restic looks again by itself and leaves those that live."""
        self._asked("unlock")

    def check(self) -> str:
        """Read every byte back; return what is damaged, "" when nothing is. Raise HostError when it could not be read."""
        code, output, said = self._call("check", "--read-data")
        told = f"{said}\n{without_secrets(output.decode(errors='replace'), self._settings)}"
        if code and _DAMAGE.search(told):
            return " ".join(line.strip() for line in said.splitlines() if line.strip())[:600] or "restic check found errors"
        self._require(code, said, "check")
        return ""

    def _asked(self, verb: str, *options: str) -> str:
        code, output, said = self._call(verb, *options)
        self._require(code, said, verb)
        return output.decode(errors="replace")

    def _call(self, verb: str, *options: str) -> tuple[int, bytes, str]:
        trust = [f"--cacert={self._settings['BACKUP_CACERT']}"] if "BACKUP_CACERT" in self._settings else []
        done = run(
            ["restic", "--no-cache", *trust, verb, *options],
            timeout_seconds=_SECONDS.get(verb, _OTHER_SECONDS),
            environment={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent", **self._settings},
            allowed_codes=_CODES,
        )
        return done.returncode, done.stdout, without_secrets(done.stderr.decode(errors="replace"), self._settings)

    def _require(self, code: int, said: str, verb: str) -> None:
        if not code:
            return
        for pattern, (what, hint) in _KNOWN.items():
            if re.search(pattern, said):
                raise HostError(what, where="repository", hint=hint)
        raise HostError(f"left with code {code}: {said.strip()[-600:] or 'nothing was said'}", where=f"restic {verb}")


def _snapshot(one: Mapping[str, Any]) -> Snapshot:
    marks = dict(tag.partition("=")[::2] for tag in one.get("tags") or [])
    # Python reads microseconds, restic writes nanoseconds.
    time = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", one["time"]))
    return Snapshot(one["short_id"], one["hostname"], time, marks, one["paths"])


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and pid != os.getpid()

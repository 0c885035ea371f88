"""The engine, restic: the only module that knows its options, answers and codes. Written for 0.14 (Debian 12) and later."""

import json
import os
import re
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from nodeops.backup.policy import MARK, STATE, Lock, Snapshot, may_clear, whole
from nodeops.backup.reach import NO_ANSWER, NOT_LET_IN, NOT_TRUSTED, reach, ssh_options
from nodeops.backup.settings import without_secrets
from nodeops.core.errors import HostError
from nodeops.host.command import run

_CODES = range(256)
# Some of the files could not be read: a snapshot was made all the same.
_INCOMPLETE = 3
# A file that its owner replaces just then is such a file: it is there the next time.
_ATTEMPTS = 3
_SECONDS = {"backup": 3600.0, "restore": 3600.0, "check": 6 * 3600.0, "prune": 6 * 3600.0, "forget": 3600.0}
# Ids in one call: far below what arguments may be long.
_AT_ONCE = 500
_OTHER_SECONDS = 120.0
# What restic itself shows of an id.
_ID_CHARACTERS = 8
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What restic says when what it read is not what was written: not a matter of the way there.
_DAMAGE = re.compile(
    r"repository contains errors|ciphertext verification failed|hash mismatch|does not match|invalid data returned|"
    r"wrong data returned|does not exist\.|number of used blobs|unable to load|not found in repository|duplicate|"
    r"LoadTree|load <(index|snapshot)/"
)
# What S3 servers say of a key that is not the right one, in words that speak of damage and of nothing there.
_REFUSED = r"(?i)signature we calculated does not match|access key id|access denied"
_KNOWN = {
    _REFUSED: (NOT_LET_IN[0], "compare the credential in backup.env with the one that the other side knows"),
    r"wrong password|no key found": ("the password does not open it", "compare RESTIC_PASSWORD with the one kept outside"),
    r"already initialized|config file already exists": ("is there already", "nodeops backup run"),
    r"unable to open config file|does not exist": ("is not there or not made yet", "check its address; then nodeops backup init"),
    r"x509|certificate": NOT_TRUSTED,
    r"ssh: .*(refused|timed out|[Nn]o route|resolve)": NO_ANSWER,
    r"\b401\b|\b403\b|[Uu]nauthori": NOT_LET_IN,
    r"no space left|\b413\b|\b507\b": ("is full", "make room on the repository's side"),
    r"already locked": ("is locked", "wait until who holds it has ended; nodeops backup verify clears what is stale"),
}
_NONE_THERE = re.compile(
    r"<config/> does not exist|config: no such file|config file: Lstat: file does not exist|"
    r"config file: Stat: The specified key does not exist"
)
_LOCKED = re.compile(r"already locked")


class Restic:
    """One repository. Its address and password go through the environment, never through an argument."""

    def __init__(self, settings: Mapping[str, str], become: Sequence[str] = ()) -> None:
        """Keep the settings of `backup.env`. `become` are words before the engine's own, which give it other rights."""
        self._settings, self._become = settings, become
        self._reached = False

    def init(self) -> None:
        """Make the repository. Raise HostError when there is one already."""
        self._asked("init")

    def exists(self) -> bool:
        """Tell whether there is a repository. Raise HostError when it cannot be reached or opened."""
        code, _, said = self._call("cat", "config", "--no-lock")
        if code and _NONE_THERE.search(said):
            return False
        self._require(code, said, "cat")
        return True

    def backup(self, paths: Sequence[str], host: str, tags: Mapping[str, str], left_out: Sequence[str] = ()) -> dict[str, Any]:
        """Copy paths but for what patterns name, mark the copy as whole, and return restic's summary.

        Raise HostError when a file could not be read, also when tried again: restic keeps what it read as a snapshot, which no
        mark names, and which is therefore none for us.
        """
        marks = [f"--tag={name}={value}" for name, value in tags.items()]
        without = [f"--exclude={pattern}" for pattern in left_out]
        words = ("--json", f"--host={host}", *marks, *without, "--", *paths)
        for _ in range(_ATTEMPTS):
            code, output, said = self._unlocked("backup", *words)
            if code != _INCOMPLETE:
                break
        else:
            hint = "run as root; what was copied is not whole and does not count"
            raise HostError(f"files could not be read: {said}", where="restic backup", hint=hint)
        self._require(code, said, "backup")
        summary = _summary(output)
        self._mark_whole(host, summary["snapshot_id"][:_ID_CHARACTERS])
        return summary

    def _mark_whole(self, host: str, snapshot: str) -> None:
        """Write the mark that makes a snapshot count. Whoever may only append could not change the snapshot's own tags."""
        words = ("--json", "--stdin", "--stdin-filename=whole", f"--host={host}", f"--tag=class={MARK}", f"--tag=of={snapshot}")
        code, _, said = self._unlocked("backup", *words, given=snapshot.encode())
        self._require(code, said, "backup")

    def _unlocked(self, *words: str, given: bytes | None = None) -> tuple[int, bytes, str]:
        """Call restic; where locks of this host's dead processes keep it out, clear them and call once more."""
        done = self._call(*words, given=given)
        own = socket.gethostname()
        if done[0] and _LOCKED.search(done[2]) and may_clear(self.locks(own), own):
            self.clear_stale_locks()
            return self._call(*words, given=given)
        return done

    def snapshots(self, host: str, kind: str | None = STATE) -> list[Snapshot]:
        """Return the snapshots of a node and a class that are whole, the oldest first; None: of every class.

        One without its mark was not finished.
        """
        found = [_snapshot(one) for one in json.loads(self._asked("snapshots", "--json", "--no-lock", f"--host={host}")) or []]
        return sorted((one for one in whole(found) if kind in (None, one.tags.get("class"))), key=lambda one: one.time)

    def everything(self) -> dict[str, Snapshot]:
        """Return all snapshots by their full ids, whoever made them and whatever they are."""
        found = json.loads(self._asked("snapshots", "--json", "--no-lock")) or []
        return {one["id"]: _snapshot(one) for one in found}

    def forget(self, ids: Sequence[str]) -> None:
        """Remove snapshots by their full ids, and what only they needed."""
        for begin in range(0, len(ids), _AT_ONCE):
            self._asked("forget", *ids[begin : begin + _AT_ONCE])
        self._asked("prune", "--max-unused=0")

    def dump(self, snapshot: str, path: str) -> bytes:
        """Return one small file of a snapshot."""
        code, output, said = self._call("dump", "--no-lock", snapshot, path)
        self._require(code, said, "dump")
        return output

    def restore_size(self, snapshot: str) -> int:
        """Return how many bytes a snapshot takes when it is restored."""
        found = json.loads(self._asked("stats", "--json", "--no-lock", "--mode=restore-size", snapshot))
        return int(found["total_size"])

    def restore(self, snapshot: str, target: Path) -> None:
        """Restore a snapshot below a folder, and compare every byte. Raise HostError when it is not whole."""
        self._asked("restore", "--no-lock", "--verify", f"--target={target}", snapshot)

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
        # What is gone is seen at once; restic would ask for its bytes again and again, for a minute.
        for words in ((), ("--read-data",)):
            code, output, said = self._call("check", *words)
            told = f"{said}\n{without_secrets(output.decode(errors='replace'), self._settings)}"
            if code and _DAMAGE.search(told) and not re.search(_REFUSED, told):
                return " ".join(line.strip() for line in said.splitlines() if line.strip())[:600] or "restic check found errors"
            self._require(code, said, "check")
        return ""

    def _asked(self, verb: str, *options: str) -> str:
        code, output, said = self._call(verb, *options)
        self._require(code, said, verb)
        return output.decode(errors="replace")

    def _call(self, verb: str, *options: str, given: bytes | None = None) -> tuple[int, bytes, str]:
        if not self._reached:
            reach(self._settings)
            self._reached = True
        known = {"BACKUP_CACERT": "--cacert", "BACKUP_LIMIT_UPLOAD": "--limit-upload"}
        chosen = [f"{option}={self._settings[name]}" for name, option in known.items() if name in self._settings]
        done = run(
            [*self._become, "restic", "--no-cache", *chosen, *ssh_options(self._settings), verb, *options],
            stdin=given,
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


def _summary(output: bytes) -> dict[str, Any]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
    found: dict[str, Any] = next((one for one in lines if one.get("message_type") == "summary"), {})
    if not found.get("snapshot_id"):
        raise HostError("said nothing of a snapshot", where="restic backup", hint="nodeops backup list")
    return found


def _snapshot(one: Mapping[str, Any]) -> Snapshot:
    """Whoever has a node writes what they like: names and paths may be missing."""
    marks = dict(tag.partition("=")[::2] for tag in one.get("tags") or [])
    return Snapshot(one["short_id"], one.get("hostname", ""), _claimed(one["time"]), marks, one["paths"] or ())


def _claimed(time: str) -> datetime:
    """Return the time that a snapshot claims, the earliest there is for one that the calendar does not have."""
    try:
        # Python reads microseconds, restic writes nanoseconds.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", time)).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _alive(pid: int) -> bool:
    """Tell whether a process of this host is at work: one that ended and that nobody has asked about yet is not."""
    try:
        return pid != os.getpid() and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

"""Copy sealed segments to a remote with rclone, and acknowledge what can be read back from there. Lean.

It runs as a process of its own: it needs the network, and the guard, which may remove segments, has none. Nothing here
removes anything, on this host or on the remote. What ends in between is done again: a copy that is there is not sent twice,
and without its acknowledgement a segment counts as not shipped.
"""

import fcntl
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.disk.ship.rules import (
    Ack,
    ShipSettings,
    Stored,
    ack_lines,
    acknowledged,
    batches,
    call_seconds,
    check_command,
    copy_command,
    judged,
    names_file,
    parse_acks,
    require_remote,
    sums_file,
)
from nodeops.host.command import run
from nodeops.host.files import sync_folder
from nodeops.logstore.naming import Segment

# rclone leaves with 1 to 9 for one bad file among many, and for a remote that is away: what was read back tells which it was.
_ANY_CODE = range(10)
# Nothing of the caller's: RCLONE_* variables would override the configuration.
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
_TAIL_CHARACTERS = 600


@dataclass
class Shipped:
    """What one run did: segments that were acknowledged now, and those that were not, with the reason."""

    acked: list[Ack] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def read_acks(path: Path) -> dict[str, Ack]:
    """Return the acknowledgements by segment name; none when nothing was shipped yet. Raise HostError when it is unreadable."""
    try:
        return parse_acks(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise HostError(f"the acknowledgements cannot be read: {error.strerror}", where=str(path)) from error


def ship(settings: ShipSettings, folder: Path, segments: Iterable[Segment], acks: Path) -> Shipped:
    """Ship what is not acknowledged, in the order given and in groups; acknowledge each group as soon as it was read back.

    Raise InputError for a remote that is none, Refused while another one ships, HostError when rclone, its configuration or
    the remote fails, Timeout when the remote is stuck. What was acknowledged before an error stays so.
    """
    require_remote(settings.remote)
    require_private(settings.config)
    done = Shipped()
    with _opened(acks) as handle:
        known = read_acks(acks)
        waiting = (each for each in segments if not acknowledged(each, known, settings.remote) and _is_there(folder, each, done))
        for group in batches(waiting):
            verdicts = _moved(settings, folder, group)
            good = [each for each in group if verdicts[each.name] == "same"]
            new = [Ack(each.name, each.stored, each.size, settings.remote, time.time()) for each in good]
            _append(handle, acks, ack_lines(new))
            done.acked += new
            done.refused |= {name: said for name, said in verdicts.items() if said != "same"}
    return done


def _is_there(folder: Path, segment: Segment, done: Shipped) -> bool:
    """Tell whether a segment can be sent. One that was purged meanwhile is nobody's concern, another file in its place is."""
    try:
        found = (folder / segment.name).lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size == segment.size:
        return True
    done.refused[segment.name] = "is not the file here that was sealed"
    return False


def recheck(settings: ShipSettings, acks: Iterable[Ack]) -> dict[str, str]:
    """Read segments back from the remote and return those that are not what was acknowledged, with what is wrong.

    They may be gone from this host. Raise as `ship` does.
    """
    require_remote(settings.remote)
    require_private(settings.config)
    found: dict[str, str] = {}
    for group in batches(ack for ack in acks if ack.remote == settings.remote):
        found |= _verdicts(settings, group)
    return {name: verdict for name, verdict in found.items() if verdict != "same"}


def _moved(settings: ShipSettings, folder: Path, group: Sequence[Segment]) -> dict[str, str]:
    """Copy a group and read it back. What differs is sent once more, whatever the remote says of its size and checksum.

    A remote without checksums takes a damaged copy of the right size for the file; only reading it back tells.
    """
    said = _copy(settings, folder, group, again=False)
    verdicts = _verdicts(settings, group)
    damaged = [segment for segment in group if verdicts[segment.name] not in ("same", "missing")]
    if damaged:
        said += _copy(settings, folder, damaged, again=True)
        verdicts |= _verdicts(settings, damaged)
    if said and "same" not in verdicts.values():
        raise HostError(f"nothing could be copied: {said}", where=settings.remote, hint=_hint(settings))
    return verdicts


def _copy(settings: ShipSettings, folder: Path, group: Sequence[Segment], again: bool) -> str:
    """Let rclone copy a group; return what it said when something went wrong."""
    done = _rclone(copy_command(settings, folder, again), settings, group)
    return _end_of(done.stderr) if done.returncode else ""


def _verdicts(settings: ShipSettings, group: Sequence[Stored]) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="nodeops-ship-") as private:
        sums = Path(private, "sums")
        sums.write_bytes(sums_file(group))
        done = _rclone(check_command(settings, sums), settings, group)
    verdicts = judged(done.stdout, group)
    if set(verdicts.values()) == {"unknown"} and done.returncode:
        what = f"what was copied cannot be read back: {_end_of(done.stderr)}"
        raise HostError(what, where=settings.remote, hint=_hint(settings))
    return verdicts


def _rclone(command: Sequence[str], settings: ShipSettings, group: Sequence[Stored]) -> subprocess.CompletedProcess[bytes]:
    seconds = call_seconds(group, settings.bytes_per_second)
    names = names_file(group)
    return run(command, timeout_seconds=seconds, stdin=names, environment=_ENVIRONMENT, allowed_codes=_ANY_CODE)


def _end_of(said: bytes) -> str:
    return said.decode(errors="replace").strip()[-_TAIL_CHARACTERS:] or "nothing was said"


def _hint(settings: ShipSettings) -> str:
    return f"as root: rclone --config {settings.config} lsd {settings.remote.partition(':')[0]}:"


def require_private(config: Path) -> None:
    """Raise HostError unless the rclone configuration is a regular file that only its owner, who runs this, may read."""
    try:
        found = config.lstat()
    except OSError as error:
        hint = "write it with: rclone --config PATH config; see docs/disk.md"
        raise HostError(f"the rclone configuration cannot be read: {error.strerror}", where=str(config), hint=hint) from error
    if not stat.S_ISREG(found.st_mode):
        raise HostError("the rclone configuration is not a regular file", where=str(config))
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o077:
        hint = f"chown root:root {config}; chmod 600 {config}"
        raise HostError("the rclone configuration holds secrets, and others may read or change it", where=str(config), hint=hint)


@contextmanager
def _opened(acks: Path) -> Iterator[int]:
    """Hold the file of acknowledgements, made when it is missing. Raise Refused while another process holds it."""
    try:
        handle = os.open(acks, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise HostError(f"the acknowledgements cannot be written: {error.strerror}", where=str(acks)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield handle
    except BlockingIOError as error:
        raise Refused("logs are being shipped already", where=str(acks), hint="wait until that has ended") from error
    finally:
        os.close(handle)


def _append(handle: int, acks: Path, data: bytes) -> None:
    """Add lines, synced. What an earlier crash left half written is ended first, so that it spoils no line but its own."""
    if not data:
        return
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        data = b"\n" + data
    try:
        while data:
            data = data[os.write(handle, data) :]
        os.fsync(handle)
        sync_folder(acks.parent)
    except OSError as error:
        raise HostError(f"the acknowledgements cannot be written: {error.strerror}", where=str(acks)) from error

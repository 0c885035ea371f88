"""What is shipped next, what rclone is told, what its answers mean, and what an acknowledgement says. Pure, lean.

An acknowledgement counts only for the very file that was sealed: it names the segment and the SHA-256 of the stored file, and
is written after that many bytes with that digest were read back from the remote.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from nodeops.core.errors import InputError

# A name of the configuration file, then a path there. Anything else (":sftp,pass=x:", "name,option=x:") carries settings, and
# with them secrets, in the arguments, where every user of the host reads them.
_REMOTE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}:[^\x00-\x1f\x7f]{0,500}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# One call of rclone moves this much at most, so that what was shipped is acknowledged soon, however much is waiting.
BATCH_BYTES = 256 << 20
BATCH_FILES = 32
# A remote that is slower than 64 KiB a second is as good as stuck; connecting and listing have a minute besides.
SLOWEST_BYTES_PER_SECOND = 64 << 10
_SETTLE_SECONDS = 60.0
# A limit is an average: a call that keeps to it may take this many times what it would take by arithmetic.
_PATIENCE = 4.0
# rclone: nothing in its own answer, its retries are one of ours; nothing is asked, because nobody is there to answer.
_COMMON = ("--ask-password=false", "--retries=1", "--low-level-retries=3", "--contimeout=30s", "--timeout=60s", "--stats=0")
_SIGNS = {"=": "same", "*": "differs", "+": "missing", "!": "unreadable"}


class Stored(Protocol):
    """A file on this host or on a remote: its name, the SHA-256 of its bytes, and how many there are."""

    @property
    def name(self) -> str: ...  # noqa: D102 - the class says it
    @property
    def stored(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Ack:
    """A remote holds a segment: `stored` is the SHA-256 that was read back from it, `when` are Unix seconds."""

    name: str
    stored: str
    size: int
    remote: str
    when: float


@dataclass(frozen=True)
class ShipSettings:
    """Where sealed logs go. `config` is the root-only rclone configuration; 0 bytes a second is no limit."""

    remote: str
    config: Path
    bytes_per_second: int = 0


def require_remote(remote: str) -> None:
    """Raise InputError unless a remote is NAME:PATH with a name of the configuration file."""
    if not _REMOTE.fullmatch(remote) or ".." in re.split(r"[:/]", remote):
        raise InputError(
            f"'{remote}' is not a remote",
            where="disk.ship.remote",
            allowed="NAME:PATH, with a NAME of the rclone configuration and no .. in the PATH",
            hint="put settings and secrets into the configuration: rclone config",
        )


def parse_acks(data: bytes) -> dict[str, Ack]:
    """Return the newest acknowledgement of each segment, by its name.

    A line that is damaged acknowledges nothing: the segment is shipped again. So is one that a crash left half written.
    """
    found = (_ack(line) for line in data.split(b"\n"))
    return {ack.name: ack for ack in found if ack}


def _ack(line: bytes) -> Ack | None:
    try:
        body = json.loads(line)
        ack = Ack(str(body["name"]), str(body["stored"]), int(body["size"]), str(body["remote"]), float(body["when"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return ack if _SHA256.fullmatch(ack.stored) else None


def ack_lines(acks: Iterable[Ack]) -> bytes:
    """Return acknowledgements as lines of JSON."""
    return b"".join(json.dumps(asdict(ack), sort_keys=True).encode() + b"\n" for ack in acks)


def acknowledged(file: Stored, acks: Mapping[str, Ack], remote: str) -> bool:
    """Tell whether this remote holds exactly this file. An acknowledgement of another remote or another content is none."""
    ack = acks.get(file.name)
    return ack is not None and ack.stored == file.stored and ack.remote == remote


_File = TypeVar("_File", bound=Stored)


def batches(files: Iterable[_File]) -> Iterator[list[_File]]:
    """Yield files in groups that one call of rclone moves; one that is larger than a group is one of its own."""
    group: list[_File] = []
    size = 0
    for file in files:
        if group and (size + file.size > BATCH_BYTES or len(group) >= BATCH_FILES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


def call_seconds(files: Iterable[Stored], bytes_per_second: int) -> float:
    """Return the time that one call may take for these files: what a slow remote needs, and not what a stuck one takes."""
    slowest = min(SLOWEST_BYTES_PER_SECOND, bytes_per_second / _PATIENCE) if bytes_per_second else SLOWEST_BYTES_PER_SECOND
    return _SETTLE_SECONDS + sum(file.size for file in files) / slowest


def _options(settings: ShipSettings) -> list[str]:
    limit = [f"--bwlimit={settings.bytes_per_second}B"] if settings.bytes_per_second else []
    return [f"--config={settings.config}", *_COMMON, *limit, "--files-from-raw=-"]


def copy_command(settings: ShipSettings, folder: Path, again: bool) -> list[str]:
    """Return the call that copies the files named on its standard input; `again` sends also what seems to be there.

    `copy` never removes anything. It compares by checksum where the remote has one, by size where it has none. `--links`
    makes it take a symbolic link for what it is: a file that is named to it would otherwise be read through one.
    """
    compare = "--ignore-times" if again else "--checksum"
    return ["rclone", "copy", *_options(settings), "--no-traverse", "--links", compare, "--", str(folder), settings.remote]


def check_command(settings: ShipSettings, sums: Path) -> list[str]:
    """Return the call that reads the files named on its standard input back, and compares them with a file of digests.

    `checksum --download` and not `check` or `hashsum`: it works with every backend. Many know no SHA-256 (S3), some no
    checksum at all (crypt, SFTP without a shell), and one that a server states proves what the server says, not what it would
    give back. It compares with the digest from when the segment was sealed, and not with a local file that may have changed.
    The price is that everything crosses the network twice.
    """
    reading = ["--download", "--one-way", "--combined=-"]
    return ["rclone", "checksum", *_options(settings), *reading, "--", "sha256", str(sums), settings.remote]


def names_file(files: Iterable[Stored]) -> bytes:
    """Return the names of files as rclone reads them, one a line."""
    return b"".join(file.name.encode() + b"\n" for file in files)


def sums_file(files: Iterable[Stored]) -> bytes:
    """Return the digests of files as sha256sum writes them."""
    return b"".join(f"{file.stored}  {file.name}\n".encode() for file in files)


def judged(output: bytes, files: Iterable[Stored]) -> dict[str, str]:
    """Return what rclone found of each file: same, differs, missing, unreadable, or unknown when it does not say."""
    found = dict.fromkeys((file.name for file in files), "unknown")
    for line in output.decode(errors="replace").splitlines():
        sign, _, name = line.partition(" ")
        if name in found:
            found[name] = _SIGNS.get(sign, "unknown")
    return found

"""Folders of the controller's cache: one writer at a time, published whole, and never used once they were changed."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from pydantic import ValidationError
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from nodeops.artifacts.plan import Manifest
from nodeops.core.errors import HostError, Refused, Timeout
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.lock import held

MANIFEST = "manifest.json"
REFRESH_HINT = "nodeops artifact fetch --refresh"
# A build on a slow machine takes minutes; whoever waits longer than this waits for a process that hangs.
LOCK_SECONDS = 1800
_MAX_MANIFEST_BYTES = 64 << 10

Say = Callable[[str], None]


def quiet(_: str) -> None:
    """Say nothing: for callers without a terminal."""


def cache_folder(name: str, given: Path | None = None) -> Path:
    """Return a folder of the controller's cache, made when absent: the one given, else nodeops/<name> in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: a relative value is not valid and is ignored.
    home = Path(base) if base.startswith("/") else Path.home() / ".cache"
    folder = (given or home / "nodeops" / name).absolute()
    make_folder(folder)
    return folder


def make_folder(folder: Path) -> None:
    """Make a folder and its parents. Raise HostError when that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(folder), hint="set XDG_CACHE_HOME") from error


@contextlib.contextmanager
def locked(target: Path, say: Say = quiet) -> Iterator[None]:
    """Hold the folder around `target`, waiting for whoever holds it. Raise Timeout after LOCK_SECONDS."""
    make_folder(target.parent)
    attempts = Retrying(retry=retry_if_exception_type(Refused), wait=wait_fixed(0.2), stop=stop_after_delay(LOCK_SECONDS))
    attempts.before_sleep = lambda _: say(f"waiting for another nodeops that fills {target.parent}")
    with contextlib.ExitStack() as stack:
        try:
            attempts(lambda: stack.enter_context(held(target.parent)))
        except RetryError as error:
            raise Timeout("another nodeops has held this for too long", where=str(target), hint="end that process") from error
        yield


@contextlib.contextmanager
def workspace(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target`, gone afterwards. What a killed run left there goes first. Call under `locked`."""
    prefix = f".{target.name}.new-"
    for leftover in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(new: Path, target: Path, work: Path) -> None:
    """Put a finished folder in the place of another; the old one goes into `work`. Killed between: absent, made again."""
    for file in new.iterdir():
        sync_file(file)
    new.chmod(0o755)
    sync_folder(new)
    if target.exists():
        target.rename(work / "old")
    new.rename(target)
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Make a file's content survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def opened_file(path: Path) -> BufferedReader:
    """Open a regular file for reading. Raise OSError for anything else: a pipe would be waited for without an end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return open(handle, "rb")  # noqa: PTH123 - a handle, no path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file as 64 hex digits."""
    with opened_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what a binary must be beside it."""
    write_atomic(folder / MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n", 0o644)


def read_entry(folder: Path) -> Manifest | None:
    """Return the manifest of a cached binary after checking every byte of the binary, None when nothing is cached.

    Raise HostError when either is missing, cannot be read, or is not what the other says.
    """
    if not folder.exists():
        return None
    try:
        with opened_file(folder / MANIFEST) as file:
            manifest = Manifest.model_validate_json(file.read(_MAX_MANIFEST_BYTES))
        binary = folder / manifest.binary
        size, content = binary.stat().st_size, file_sha256(binary)
    except ValidationError as error:
        raise changed(folder, "its manifest is damaged") from error
    except OSError as error:
        name = Path(error.filename).name if error.filename else "it"
        raise changed(folder, f"{name}: {error.strerror}") from error
    # A whole entry copied to another place would otherwise pass for another version.
    if (manifest.platform, manifest.version, manifest.target) != folder.parts[-3:]:
        raise changed(folder, "its manifest belongs to another artifact")
    if (size, content) != (manifest.size, manifest.sha256):
        raise changed(
            folder, f"it has {size} bytes and SHA-256 {content}, its manifest says {manifest.size} and {manifest.sha256}"
        )
    return manifest


def changed(folder: Path, why: str) -> HostError:
    """Return the error for a cached artifact that is not what was put there."""
    name = " ".join(folder.parts[-3:])
    return HostError(f"the cached artifact {name} was changed: {why}", where=str(folder), hint=REFRESH_HINT)


def entry_folders(root: Path) -> list[Path]:
    """Return the folders of all cached artifacts, sorted: <platform>/<version>/<os-arch>."""
    return sorted(path for path in root.glob("[!.]*/[!.]*/[!.]*") if path.is_dir())

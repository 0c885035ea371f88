"""Build agent trees on the controller: pinned libraries and this nodeops, as one archive that a host only unpacks."""

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, ValidationError

import nodeops
from nodeops.agent import build_content, build_libraries, install
from nodeops.artifacts.cache import Say, cache_folder, locked, publish, quiet, workspace
from nodeops.core.errors import HostError
from nodeops.document.models import Model
from nodeops.host.files import write_atomic

REFRESH_HINT = "nodeops agent build --refresh"
MANIFEST = "manifest.json"
_ARCHIVE = "agent.tar.gz"
# Archives kept for each Python and machine, and those that a run asked for so lately that it may be pushing them still: other
# checkouts on this controller build theirs meanwhile.
_KEPT, _IN_USE_SECONDS = 3, 2 * 3600
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class AgentTree:
    """An archive ready to be pushed.

    `digest` names the folder on the host, `full_digest` is the whole SHA-256 over the tree's files, `sha256` and `size`
    (bytes) are the archive's; `fresh` when this call built it.
    """

    path: Path
    digest: str
    full_digest: str
    sha256: str
    size: int
    fresh: bool


class Manifest(Model):
    """What stands beside a cached archive."""

    schema_version: Literal[1] = 1
    full_digest: _Sha256
    sha256: _Sha256
    size: int


def build(python: str, arch: str = "x86_64", *, cache: Path | None = None, refresh: bool = False, say: Say = quiet) -> AgentTree:
    """Return the agent's tree for a host's Python (such as 3.11) and machine, from the cache or built now.

    It is built anew when a source of nodeops, the lock of its libraries, or the target differs; `refresh` builds anew
    whatever is cached. Raise InputError for another Python or machine; HostError for a cached archive that was changed,
    a library that cannot be had or has another hash, and outside a checkout; Timeout when another build hangs.
    """
    python, machine = build_content.checked_target(python, arch)
    lock = build_libraries.read_lock()
    root = cache_folder("agent", cache)
    sources = package_files()
    folder = root / f"{python}-{machine}" / _key(python, machine, lock, sources)
    with locked(folder, say):
        kept = None if refresh else _read(folder)
        if kept is not None:
            return _tree(folder, kept, fresh=False)
        libraries = build_libraries.libraries(root, python, machine, lock, refresh=refresh, say=say)
        say(f"packing the agent for Python {python} on {machine}")
        return _tree(folder, _make(folder, lambda tree: _fill(tree, libraries, sources, python, machine)), fresh=True)


def _tree(folder: Path, manifest: Manifest, fresh: bool) -> AgentTree:
    name = manifest.full_digest[: install.NAME_DIGITS]
    return AgentTree(folder / _ARCHIVE, name, manifest.full_digest, manifest.sha256, manifest.size, fresh)


def package_files() -> dict[PurePosixPath, bytes]:
    """Return the files of the running nodeops by path below the package, read once: an edit meanwhile changes no build."""
    package = Path(nodeops.__file__).parent
    found = {PurePosixPath(path.relative_to(package).as_posix()): path for path in sorted(package.rglob("*"))}
    return {name: path.read_bytes() for name, path in found.items() if build_content.is_source(name) and path.is_file()}


def _key(python: str, machine: str, lock: bytes, sources: Mapping[PurePosixPath, bytes]) -> str:
    """Return a name for everything that an archive depends on, the code that packs it included."""
    whole = hashlib.sha256(f"{python} {machine} ".encode() + lock)
    for name, content in sources.items():
        whole.update(f"\0{name}\0".encode() + hashlib.sha256(content).digest())
    return whole.hexdigest()[: install.NAME_DIGITS]


def _read(folder: Path) -> Manifest | None:
    """Return the manifest of a cached archive after checking the archive's bytes, None when nothing is cached."""
    if not folder.exists():
        return None
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        data = (folder / _ARCHIVE).read_bytes()
    except (OSError, ValidationError) as error:
        raise _changed(folder, "it is not whole") from error
    found = hashlib.sha256(data).hexdigest()
    if (len(data), found) != (manifest.size, manifest.sha256):
        raise _changed(folder, f"it has SHA-256 {found}, its manifest says {manifest.sha256}")
    with contextlib.suppress(OSError):
        os.utime(folder)
    return manifest


def _changed(folder: Path, why: str) -> HostError:
    return HostError(f"the cached agent tree was changed: {why}", where=str(folder), hint=REFRESH_HINT)


def _make(folder: Path, fill: Callable[[Path], None]) -> Manifest:
    with workspace(folder) as work:
        tree, new = work / "tree", work / "new"
        fill(tree)
        new.mkdir()
        data = pack(tree)
        manifest = Manifest(full_digest=install.tree_digest(tree), sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        write_atomic(new / _ARCHIVE, data, 0o644)
        write_atomic(new / MANIFEST, manifest.model_dump_json(indent=2).encode(), 0o644)
        publish(new, folder, work)
    _remove_old(folder)
    return manifest


def _fill(tree: Path, libraries: Path, sources: Mapping[PurePosixPath, bytes], python: str, machine: str) -> None:
    shutil.copytree(libraries, tree / "lib")
    for name, content in sources.items():
        if build_content.belongs_to_agent(name):
            _write(tree / "lib" / "nodeops" / name, content)
    _write(tree / install.DESCRIPTION, build_content.description(nodeops.__version__, python, machine).encode())
    _write(tree / "bin" / "nodeops", build_content.launcher(python).encode(), mode=0o755)


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def pack(tree: Path) -> bytes:
    """Return a tree as a tar.gz whose bytes depend on its files only: sorted, no times, no owners."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in install.tree_files(tree):
            member = tarfile.TarInfo(path.as_posix())
            member.size, member.mode = (tree / path).stat().st_size, (tree / path).stat().st_mode & 0o777
            with (tree / path).open("rb") as file:
                archive.addfile(member, file)
    return gzip.compress(plain.getvalue(), compresslevel=6, mtime=0)


def _remove_old(folder: Path) -> None:
    used = {path: path.stat().st_mtime for path in folder.parent.iterdir() if path.is_dir() and not path.name.startswith(".")}
    for path in sorted(used, key=lambda path: used[path], reverse=True)[_KEPT:]:
        if time.time() - used[path] > _IN_USE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)

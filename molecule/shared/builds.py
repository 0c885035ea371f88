"""Builds of ledgerd that are real releases but for their source: their name differs, and of one the state that it computes."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import slow_start
import wrong_state

from nodeops.artifacts.cache import cache_folder
from nodeops.artifacts.go_build import go_command
from nodeops.artifacts.own_source import REPOSITORY, read_source


def built(name: str) -> Path:
    """Return this source as a release of another name, built once."""
    return _built(REPOSITORY / "ledgerd", name)


def computing_another_state(name: str, folder: Path) -> Path:
    """Return a release whose source was changed in a copy below `folder`: from its first block on its state is another one."""
    return _built(wrong_state.changed(REPOSITORY / "ledgerd", folder), name)


def starting_slowly(name: str, folder: Path, seconds: int) -> Path:
    """Return a release that does nothing for so many seconds when it is started; built once under a name."""
    return _built(slow_start.changed(REPOSITORY / "ledgerd", folder, seconds), name)


def _built(source: Path, name: str) -> Path:
    digest = read_source("ledgerd").digest.removeprefix("sha256:")[:16]
    # What was changed in a copy.
    changed = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(source.glob("*.go")))).hexdigest()[:16]
    target = cache_folder("artifacts") / ".molecule" / digest / changed / name / "ledgerd"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    # What was compiled for the release itself.
    settings |= {"GOCACHE": str(cache_folder("artifacts") / ".go-build"), "GOAMD64": "v1"}
    new = target.with_suffix(".new")
    words = [str(go_command()), "build", "-ldflags", f"-s -w -X main.release={name}", "-o", str(new), "."]
    subprocess.run(words, cwd=source, env={**os.environ, **settings}, check=True, capture_output=True, timeout=900)
    new.rename(target)
    return target


def artifact(program: Path) -> dict[str, Any]:
    """Return how group_vars name a program as the source of a version."""
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    return {"ledger_artifact": {"source": "file", "path": str(program), "sha256": digest}}
